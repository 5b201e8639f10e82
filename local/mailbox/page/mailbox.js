// The mailbox page shows the messages for SES and SNS as they arrive: one line per message, the newest one open.

const list = document.querySelector("#list");
const status = document.querySelector("#status");
const filter = document.querySelector("#filter");
const template = document.querySelector("#message").content.firstElementChild;
const shown = new Set();
let opened = null; // the message that the page opened by itself

/** Returns the code in a message: alone on its line, or after the # in an SMS's last line. */
export function codeIn(text) {
  return text.match(/^(?:@\S+ #)?([0-9]{6,10})\r?$/m)?.[1] ?? "";
}

function build(message) {
  const node = template.cloneNode(true);
  const put = (selector, text) => { node.querySelector(selector).textContent = text; };
  const time = node.querySelector("time");
  const state = node.querySelector(".state");
  const details = node.querySelector("details");
  const code = codeIn(message.text);
  node.dataset.to = message.to;
  node.classList.add(message.channel);
  time.dateTime = message.sentAt;
  time.textContent = new Date(message.sentAt).toLocaleTimeString();
  state.textContent = message.delivery;
  state.toggleAttribute("data-lost", /^(Bounced|Suppressed)$/.test(message.delivery));
  put(".to", message.to);
  put(".subject", message.subject || "SMS");
  put(".digits", code);
  put(".meta", describe(message));
  put(".text", message.text);
  addCopy(node.querySelector(".copy"), code);
  // The size of a frame in a closed message cannot be measured.
  details.addEventListener("toggle", () => fillMail(node, message), { once: true });
  return node;
}

function describe({ to, from, delivery, headers = [] }) {
  return [`To ${to}`, from && `From ${from}`, delivery, ...headers.map(({ name, value }) => `${name}: ${value}`)].filter(Boolean).join(" · ");
}

function fillMail(node, message) {
  const frame = node.querySelector(".html");
  const asHTML = node.querySelector(".as-html");
  const asText = node.querySelector(".as-text");
  const show = (html) => {
    frame.hidden = !html;
    node.querySelector(".text").hidden = html;
    asHTML.setAttribute("aria-pressed", html);
    asText.setAttribute("aria-pressed", !html);
  };
  asHTML.addEventListener("click", () => show(true));
  asText.addEventListener("click", () => show(false));
  asHTML.hidden = asText.hidden = !message.html;
  show(Boolean(message.html));
  // The sandbox runs no scripts; allow-same-origin only allows this page to measure the e-mail.
  const fit = () => {
    frame.style.height = "0"; // otherwise it could only grow
    frame.style.height = `${frame.contentDocument.documentElement.scrollHeight}px`;
  };
  frame.addEventListener("load", () => {
    fit();
    let width = frame.clientWidth;
    new ResizeObserver(() => { if (frame.clientWidth && width !== frame.clientWidth) { width = frame.clientWidth; fit(); } }).observe(frame);
  });
  frame.srcdoc = message.html;
}

function addCopy(button, code) {
  button.hidden = !code;
  button.textContent = `Copy ${code}`;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(code);
      button.textContent = "Copied";
    } catch {
      button.textContent = `Copying is blocked: ${code}`;
    }
    setTimeout(() => { button.textContent = `Copy ${code}`; }, 1500);
  });
}

function add(message, isNew) {
  if (shown.has(message.id)) return;
  shown.add(message.id);
  const node = build(message);
  node.classList.toggle("new", isNew);
  list.prepend(node);
  offerRecipient(message.to);
}

function offerRecipient(to) {
  const recipients = document.querySelector("#recipients");
  if (![...recipients.options].some((option) => option.value === to)) recipients.append(new Option(to, to));
}

function clear() {
  shown.clear();
  list.replaceChildren();
  document.querySelector("#recipients").replaceChildren();
  refresh();
}

/** Shows the messages that the filter names, with the newest of them open. */
function refresh() {
  const empty = shown.size === 0;
  const wanted = filter.value.trim().toLowerCase();
  for (const node of list.children) node.hidden = !node.dataset.to.toLowerCase().includes(wanted);
  const newest = list.querySelector(".message:not([hidden]) details");
  if (newest !== opened) {
    if (opened) opened.open = false;
    if (newest) newest.open = true;
    opened = newest;
  }
  document.querySelector("#none").textContent = newest || empty ? "" : "No message to this recipient.";
  document.querySelector("#empty").hidden = !empty;
  document.querySelector("#tools").hidden = empty;
  document.title = `${empty ? "" : `(${shown.size}) `}Mailbox – StreamOTP development stack`;
}

/** Loads all messages; the page shows at most 200, newest first. */
async function load() {
  clear(); // first, so that messages that arrive during the request stay
  const messages = await (await fetch("/_local/sent")).json();
  for (const message of messages.slice(0, 200).reverse()) add(message, false);
  refresh();
}

function connect() {
  const events = new EventSource("/_local/events");
  events.addEventListener("open", async () => {
    await load(); // also after a restart, so that no message in between is missed
    status.dataset.state = "live";
    status.textContent = "Live";
  });
  events.addEventListener("error", () => {
    status.dataset.state = "wait";
    status.textContent = "The stack is not running; waiting for it…";
  });
  events.addEventListener("message", (event) => {
    add(JSON.parse(event.data), true);
    refresh();
  });
  events.addEventListener("cleared", clear);
}

filter.addEventListener("input", refresh);
document.querySelector("#tools").addEventListener("submit", (event) => event.preventDefault());
document.querySelector("#clear").addEventListener("click", () => fetch("/_local/messages", { method: "DELETE" }));
document.querySelector("#example").textContent = `curl ${location.origin}/api/generate \\
  -H 'content-type: application/json' \\
  -d '{"email":"you@example.com"}'`;
connect();
