// Moves the cursor of every diagram of this page; draws the states of that moment beside it.
'use strict';
for (const player of document.querySelectorAll('.player')) {
  const story = JSON.parse(player.querySelector('script').textContent);
  const moments = story.moments;
  if (!moments.length) continue;
  const svg = player.querySelector('.scroll > svg');
  const scroll = player.querySelector('.scroll');
  const range = player.querySelector('input');
  const clock = player.querySelector('.clock');
  const table = player.querySelector('.states tbody');
  const events = player.querySelector('.events');
  const play = player.querySelector('[data-go=play]');
  const box = svg.viewBox.baseVal;
  const shape = (name, kind) => {
    const made = document.createElementNS('http://www.w3.org/2000/svg', name);
    made.setAttribute('class', kind);
    return svg.appendChild(made);
  };
  const after = shape('rect', 'after');
  const cursor = shape('line', 'cursor');
  after.setAttribute('x', 86);
  after.setAttribute('width', box.width - 86);
  cursor.setAttribute('x1', 60);
  cursor.setAttribute('x2', box.width - 10);
  let here = moments.length - 1, timer = null;

  const cell = (row, text, kind) => {
    const made = row.insertCell();
    made.textContent = text;
    if (kind) made.className = kind;
    return made;
  };
  const roleOf = role => /^leader|^leads/.test(role) ? 'leader'
    : /^(pre-)?candidate/.test(role) ? 'candidate' : 'plain';

  // What is known at a moment follows from everything before it.
  function fold(to) {
    const nodes = new Map();
    const take = known => {
      const [kind, of] = Object.entries(known)[0];
      const node = nodes.get(of[0]) || nodes.set(of[0], {life: 'up', role: '', parts: new Map()}).get(of[0]);
      if (kind === 'life') {
        node.life = of[1];
        if (of[1] === 'down') { node.role = ''; node.parts.clear(); }
      } else if (kind === 'role') node.role = of[1];
      else node.parts.set(of[1], of[2]);
    };
    story.before.forEach(take);
    for (let i = 0; i <= to; i++) moments[i].known.forEach(take);
    return nodes;
  }

  function show(to, quiet) {
    here = Math.max(0, Math.min(moments.length - 1, to));
    const moment = moments[here];
    range.value = here;
    range.setAttribute('aria-valuetext', moment.at);
    clock.textContent = moment.at + '  (' + (here + 1) + ' of ' + moments.length + ')';
    for (const [name, value] of [['y1', moment.y], ['y2', moment.y]]) cursor.setAttribute(name, value);
    after.setAttribute('y', moment.y + 1);
    after.setAttribute('height', Math.max(0, story.bottom + 24 - moment.y));
    after.style.display = here === moments.length - 1 ? 'none' : '';
    table.replaceChildren();
    let heads = null, named = false;
    for (const node of fold(here).values()) for (const of of node.parts.keys()) named = named || of !== '';
    for (const [name, node] of [...fold(here)].sort()) {
      for (const facts of node.parts.values()) heads = heads || facts.map(fact => fact[0]);
      const parts = node.parts.size ? [...node.parts].sort() : [['', []]];
      parts.forEach(([of, facts], i) => {
        const row = table.insertRow();
        if (i === 0) {
          const first = document.createElement('th');
          first.textContent = name;
          first.rowSpan = parts.length;
          first.className = node.life === 'up' ? 'is-' + roleOf(node.role) : 'is-' + node.life;
          row.append(first);
        }
        if (named) cell(row, of, 'part');
        if (!facts.length) {
          cell(row, node.life === 'up' ? node.role : node.life).colSpan = heads ? heads.length : 1;
        }
        for (const [fact, value] of facts) {
          cell(row, value, fact === 'role' ? 'is-' + roleOf(value) : '');
        }
      });
    }
    if (heads) {
      const row = table.insertRow(0);
      for (const head of [...(named ? ['', ''] : ['']), ...heads]) {
        const made = document.createElement('th');
        made.textContent = head;
        made.scope = 'col';
        row.append(made);
      }
    }
    events.replaceChildren(...moment.events.map(text => {
      const made = document.createElement('li');
      made.textContent = text;
      return made;
    }));
    // Pixels are pixels here: the diagram is never scaled, only scrolled.
    const y = moment.y - box.y + player.querySelector('.heads').offsetHeight;
    if (!quiet && (y < scroll.scrollTop + 60 || y > scroll.scrollTop + scroll.clientHeight - 60)) {
      scroll.scrollTop = y - scroll.clientHeight / 2;
    }
  }

  function stop() {
    clearInterval(timer);
    timer = null;
    play.textContent = 'play';
    play.setAttribute('aria-pressed', 'false');
  }
  const go = {
    first: () => show(0),
    back: () => show(here - 1),
    next: () => show(here + 1),
    last: () => show(moments.length - 1),
    found: () => {
      const later = story.found.find(i => i > here);
      if (story.found.length) show(later === undefined ? story.found[0] : later);
    },
    play: () => {
      if (timer) return stop();
      if (here === moments.length - 1) show(0);
      play.textContent = 'stop';
      play.setAttribute('aria-pressed', 'true');
      timer = setInterval(() => here < moments.length - 1 ? show(here + 1) : stop(), 350);
    },
  };
  for (const button of player.querySelectorAll('button')) {
    button.addEventListener('click', () => go[button.dataset.go]());
  }
  player.querySelector('[data-go=found]').hidden = !story.found.length;
  range.addEventListener('input', () => show(Number(range.value)));
  const keys = {ArrowDown: 'next', ArrowUp: 'back', ArrowRight: 'next', ArrowLeft: 'back',
    Home: 'first', End: 'last', ' ': 'play', f: 'found'};
  scroll.addEventListener('keydown', event => {
    if (event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
    event.preventDefault();
    go[keys[event.key]]();
  });
  svg.addEventListener('click', event => {
    const at = svg.createSVGPoint();
    [at.x, at.y] = [event.clientX, event.clientY];
    const y = at.matrixTransform(svg.getScreenCTM().inverse()).y;
    const near = (best, m, i) => Math.abs(m.y - y) < Math.abs(moments[best].y - y) ? i : best;
    show(moments.reduce(near, 0), true);
  });
  // With nothing to find, the whole is shown, from the top.
  show(story.start, !story.found.length);
}
