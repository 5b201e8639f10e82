// A page is a few sections, of which one is shown. Only the step's name is kept in the
// history, so that Back leaves the code step and a reload returns to it; neither sends anything.

export class Steps {
  #sections = new Map();
  #appName = document.title.split(' – ').at(-1);
  current = 'start';

  constructor() {
    for (const section of document.querySelectorAll('[data-step]')) this.#sections.set(section.dataset.step, section);
  }

  section(name) {
    return this.#sections.get(name);
  }

  set appName(name) {
    this.#appName = name;
    this.showTitle();
  }

  // The step in which this history entry was left.
  remembered() {
    return history.state?.step ?? 'start';
  }

  // entry: 'push' for a step forward, 'replace' if Back must not lead to the previous step.
  show(name, { entry = 'replace', focus = true } = {}) {
    if (entry === 'push') history.pushState({ step: name }, '');
    else history.replaceState({ step: name }, '');
    for (const [key, section] of this.#sections) section.hidden = key !== name;
    this.current = name;
    this.showTitle();
    if (focus) this.#focus();
  }

  // Focuses the first field that is to be filled in, else the heading, so that it is read out.
  #focus() {
    const section = this.section(this.current);
    const target = section.querySelector('[data-focus]:enabled') ?? section.querySelector('h1');
    target.focus({ preventScroll: true });
    window.scrollTo({ top: 0 });
  }

  // The tab's title repeats the heading of the step.
  showTitle() {
    document.title = `${this.section(this.current).querySelector('h1').textContent} – ${this.#appName}`;
  }
}
