// The mailbox page: what SES and SNS were given, as it comes in.

const list = document.querySelector("#list");
const status = document.querySelector("#status");
const shown = new Set();

/** The code in a message: alone on its line, or behind the # of an SMS's last line. */
export function codeIn(text) {
  return text.match(/^(?:@\S+ #)?([0-9]{6,10})\r?$/m)?.[1] ?? "";
}

function build(message) {
  const node = document.querySelector(message.channel === "sms" ? "#sms" : "#email").content.firstElementChild.cloneNode(true);
  const put = (selector, text) => { node.querySelector(selector).textContent = text; };
  const time = node.querySelector("time");
  time.dateTime = message.sentAt;
  time.textContent = new Date(message.sentAt).toLocaleTimeString();
  put(".to", message.to);
  put(".from", message.from ? `from ${message.from}` : "");
  if (message.channel === "sms") {
    put(".bubble", message.text);
  } else {
    put(".subject", message.subject);
    put(".text", message.text);
    fillMail(node, message);
  }
  addCopy(node.querySelector(".copy"), codeIn(message.text));
  return node;
}

function fillMail(node, message) {
  const frame = node.querySelector(".html");
  const text = node.querySelector(".text");
  const asHTML = node.querySelector(".as-html");
  const asText = node.querySelector(".as-text");
  const show = (html) => {
    frame.hidden = !html;
    text.hidden = html;
    asHTML.setAttribute("aria-pressed", html);
    asText.setAttribute("aria-pressed", !html);
  };
  asHTML.addEventListener("click", () => show(true));
  asText.addEventListener("click", () => show(false));
  asHTML.disabled = !message.html;
  show(Boolean(message.html));
  // The sandbox runs no script; allow-same-origin only lets this page measure the mail.
  const fit = () => {
    frame.style.height = "0"; // or it could only grow
    frame.style.height = `${frame.contentDocument.documentElement.scrollHeight}px`;
  };
  frame.addEventListener("load", () => {
    fit();
    let width = frame.clientWidth;
    new ResizeObserver(() => { if (width !== frame.clientWidth) { width = frame.clientWidth; fit(); } }).observe(frame);
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
  refresh();
}

function clear() {
  shown.clear();
  list.replaceChildren();
  refresh();
}

function refresh() {
  const empty = shown.size === 0;
  document.querySelector("#empty").hidden = !empty;
  document.querySelector("#clear").hidden = empty;
  document.title = `${empty ? "" : `(${shown.size}) `}Mailbox – StreamOTP development stack`;
}

/** Loads everything; at most 200 are shown, newest first. */
async function load() {
  clear(); // first, so that what arrives during the request stays
  const messages = await (await fetch("/_local/messages")).json();
  for (const message of messages.slice(0, 200).reverse()) add(message, false);
}

function connect() {
  const events = new EventSource("/_local/events");
  events.addEventListener("open", async () => {
    await load(); // also after a restart: nothing that came in between is missed
    status.dataset.state = "live";
    status.textContent = "Live";
  });
  events.addEventListener("error", () => {
    status.dataset.state = "wait";
    status.textContent = "The stack is not running; waiting for it…";
  });
  events.addEventListener("message", (event) => add(JSON.parse(event.data), true));
  events.addEventListener("cleared", clear);
}

document.querySelector("#clear").addEventListener("click", () => fetch("/_local/messages", { method: "DELETE" }));
document.querySelector("#example").textContent = `curl ${location.origin}/api/generate \\
  -H 'content-type: application/json' \\
  -d '{"email":"you@example.com"}'`;
connect();
