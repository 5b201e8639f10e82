// The element shows one of its sections at a time. Only the step's name is kept in the history, beside what the application keeps
// there, so that Back leaves the code step and a reload returns to it; neither sends anything.

import { emit } from './dom.js';

export class Steps {
  #root;
  #purpose;
  #sections = new Map();
  current = 'start';

  constructor(root, purpose) {
    this.#root = root;
    this.#purpose = purpose;
    for (const section of root.querySelectorAll('section[data-step]')) this.#sections.set(section.dataset.step, section);
  }

  section(name) {
    return this.#sections.get(name);
  }

  // The step in which this history entry was left.
  remembered() {
    return history.state?.streamotp?.[this.#purpose] ?? 'start';
  }

  // entry: 'push' for a step forward, 'replace' if Back must not lead to the previous step.
  show(name, { entry = 'replace', focus = true } = {}) {
    const state = { ...history.state, streamotp: { ...history.state?.streamotp, [this.#purpose]: name } };
    if (entry === 'push') history.pushState(state, '');
    else history.replaceState(state, '');
    for (const [key, section] of this.#sections) section.hidden = key !== name;
    this.current = name;
    this.announce();
    if (focus) this.focus();
  }

  // Focuses the first field that is to be filled in, else the heading, so that it is read out.
  focus() {
    const section = this.section(this.current);
    const heading = section.querySelector('h1');
    (section.querySelector('[data-focus]:enabled') ?? heading).focus({ preventScroll: true });
    heading.scrollIntoView({ block: 'nearest' });
  }

  // The heading of the step, which a page may repeat in its title.
  get heading() {
    return this.section(this.current).querySelector('h1').textContent;
  }

  announce() {
    emit(this.#root, 'streamotp-step', { step: this.current, heading: this.heading });
  }
}
