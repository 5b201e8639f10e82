// Makes HTML and events by DOM calls, so that a page with a strict Content-Security-Policy or with Trusted Types accepts it.

// h('p', {class: 'otp-lead'}, 'Hello ', h('b', {}, 'Ada')): attributes that are true have no value, and those that are false or
// undefined are left out, as are such children.
export function h(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS('http://www.w3.org/2000/svg', tag), attributes, children);
}

// Dispatches an event that bubbles. Returns false if a listener prevented what comes next.
export function emit(node, name, detail, { cancelable = false } = {}) {
  return node.dispatchEvent(new CustomEvent(name, { bubbles: true, cancelable, detail }));
}

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false && value !== undefined) node.setAttribute(name, value === true ? '' : value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== false && child !== undefined));
  return node;
}
