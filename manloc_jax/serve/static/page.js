// The page of manloc serve. Whatever comes from a file is set as text.
'use strict';

const find = (id) => document.getElementById(id);
const RETRIES = 20;  // A busy server is asked again for about a minute.

let source = null;  // Name of a photograph, and its body or number.
let tab = 'localize';  // Of `TABS`, the one that is selected.
let shown = null;  // Key, name and first threshold of the analysis.
let report = null;  // Key and name of the report.
let current = null;  // AbortController of the analysis that is under way.

function say(kind, sentence) {
  const paragraph = document.createElement('p');
  paragraph.className = kind;
  paragraph.setAttribute('role', kind === 'refusal' ? 'alert' : 'status');
  paragraph.textContent = sentence;
  find('message').replaceChildren(...(sentence ? [paragraph] : []));
}

async function ask(address, options = {}) {
  let response;
  try {
    response = await fetch(address, options);
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new Error('The page does not answer; reload it.');
  }
  if (response.ok) return response;
  const error = new Error((await response.text()).trim());
  error.isBusy = response.headers.has('retry-after');
  throw error;
}

const pause = (seconds) => new Promise((done) => {
  setTimeout(done, 1000 * seconds);
});

// Has a photograph analysed for the tab that is selected, and shows the result.
async function open(next) {
  source = next;
  forget();
  await begin();
}

function forget() {
  current?.abort();
  current = null;
  shown = null;
  report = null;
  find('results').hidden = true;
  find('report').hidden = true;
}

async function begin() {
  current?.abort();
  const mine = current = new AbortController();
  const {word, address, show} = TABS[tab];
  say('working', `${word} ${source.name}: seconds for a small picture, a minute`
      + ' or more for a large one.');
  try {
    const made = await analyse(address(source), source.body, mine.signal);
    if (mine !== current) return;
    say('', '');
    show(made);
  } catch (error) {
    if (mine === current) say('refusal', error.message);
  }
}

async function analyse(address, body, signal) {
  for (let tries = 1; ; tries += 1) {
    try {
      const sent = {method: 'POST', body, signal};
      const made = await (await ask(address, sent)).json();
      if (made.refusal) throw new Error(made.refusal);
      return made;
    } catch (error) {
      if (!error.isBusy || tries === RETRIES || signal.aborted) throw error;
      say('working', 'Others are waiting, too; trying again …');
      await pause(3);
    }
  }
}

function show(made) {
  shown = {
    key: made.key, name: made.summary.name, threshold: made.threshold,
  };
  for (const image of document.querySelectorAll('.photograph')) {
    image.src = made.photograph;
  }
  find('heat').src = made.heat;
  set('threshold', made.threshold);
  showView(made);
  find('results').hidden = false;
  find('name').focus({preventScroll: true});
  find('results').scrollIntoView({behavior: 'smooth'});
}

// Shows what depends on the threshold.
function showView(view) {
  find('name').textContent = view.summary.name;
  find('notes').textContent = view.summary.notes;
  find('tiles').replaceChildren(
    ...Object.entries(view.summary.tiles).map(([label, value]) => {
      const tile = document.createElement('div');
      tile.className = 'tile';
      tile.append(element('dt', label), element('dd', value));
      return tile;
    }),
  );
  find('mask').src = view.mask;
  find('outline').src = view.outline;
  find('regions_headline').textContent = view.regions.headline;
  find('regions_sentence').textContent = view.regions.sentence;
  find('regions_table').hidden = !view.regions.rows.length;
  find('regions_table').querySelector('tbody').replaceChildren(
    ...view.regions.rows.map((cells) => {
      const row = document.createElement('tr');
      row.append(...cells.map((text) => element('td', text)));
      return row;
    }),
  );
}

function element(kind, text) {
  const made = document.createElement(kind);
  made.textContent = text;
  return made;
}

// Sliders: a range, a number and a button that belong together.
const value = (id) => Number(find(`${id}_range`).value);

function set(id, number) {
  for (const input of find(id).querySelectorAll('input')) {
    input.value = Number(number).toFixed(2);
  }
}

function connect(id, first, moved) {
  set(id, first());
  for (const input of find(id).querySelectorAll('input')) {
    input.addEventListener('input', () => {
      const number = Math.min(1, Math.max(0, Number(input.value)));
      for (const other of find(id).querySelectorAll('input')) {
        if (other !== input) other.value = number;
      }
      moved(number);
    });
  }
  find(id).querySelector('button').addEventListener('click', () => {
    set(id, first());
    moved(first());
  });
}

let isMoving = false;
let wanted = null;

// One view at a time, the last one always.
async function moveThreshold(threshold) {
  wanted = threshold;
  if (isMoving || !shown) return;
  isMoving = true;
  try {
    while (wanted !== null && shown) {
      const {key} = shown;
      const query = `threshold=${wanted}`;
      wanted = null;
      const view = await (await ask(`/analyses/${key}?${query}`)).json();
      if (shown?.key !== key) break;
      showView(view);
      shown.moved = view.threshold;
      say('', '');
    }
  } catch (error) {
    say('refusal', error.message);
  } finally {
    isMoving = false;
  }
}

async function download(kind) {
  if (!shown) return;
  const {key, name, moved, threshold} = shown;
  const query = `threshold=${moved ?? threshold}`;
  await save(`/analyses/${key}/${kind}?${query}`, `${name}.${kind}`);
}

async function save(address, name) {
  try {
    const file = await (await ask(address)).blob();
    const link = document.createElement('a');
    link.href = URL.createObjectURL(file);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  } catch (error) {
    say('refusal', error.message);
  }
}

function openFile(file) {
  if (!file) return;
  press(null);
  const {megabytes} = upload.dataset;
  if (file.size > megabytes * 2 ** 20) {
    source = null;
    forget();
    say('refusal', `${file.name} has more than ${megabytes} MB, the most that`
        + ' this page takes; use manloc localize.');
    return;
  }
  open({name: file.name, body: file});
}

function press(button) {
  for (const each of document.querySelectorAll('#samples button')) {
    each.setAttribute('aria-pressed', each === button);
  }
}

async function listSamples() {
  const captions = await (await ask('/examples')).json();
  find('samples').replaceChildren(...captions.map((caption, index) => {
    const button = document.createElement('button');
    button.type = 'button';
    const image = document.createElement('img');
    image.src = `/examples/${index}`;
    image.alt = '';
    button.append(image, element('span', caption));
    button.addEventListener('click', () => {
      press(button);
      open({name: caption, index, body: null});
    });
    return button;
  }));
  press(null);
}

const upload = find('upload');
const input = upload.querySelector('input');
input.addEventListener('change', () => {
  openFile(input.files[0]);
  input.value = '';  // Ready for the same one.
});
for (const kind of ['dragover', 'drop', 'dragleave']) {
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    upload.classList.toggle('over', kind === 'dragover');
  });
}
document.addEventListener('drop', (event) => {
  openFile(event.dataTransfer.files[0]);
});
document.addEventListener('paste', (event) => {
  openFile(event.clipboardData.files[0]);
});
for (const button of document.querySelectorAll('.enlarge')) {
  button.addEventListener('click', () => {
    const picture = button.closest('.picture');
    if (document.fullscreenElement) document.exitFullscreen();
    else picture.requestFullscreen();
  });
}
for (const button of document.querySelectorAll('#downloads button')) {
  button.addEventListener('click', () => download(button.dataset.kind));
}
connect('opacity', () => find('opacity').dataset.value, (number) => {
  find('heat').style.opacity = number;
});
find('heat').style.opacity = value('opacity');
connect(
  'threshold',
  () => shown?.threshold ?? find('threshold').dataset.value,
  moveThreshold,
);
if (location.search) history.replaceState(null, '', '/');  // Hides the token.
listSamples().catch((error) => say('refusal', error.message));
