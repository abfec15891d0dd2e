// The tabs of the page, and the report of the second one.
'use strict';

// What a tab does with a photograph, where it asks, and how it shows that.
const TABS = {
  localize: {
    word: 'Scoring',
    address: ({name, index}) => index === undefined
      ? `/analyses?name=${encodeURIComponent(name)}` : `/examples/${index}`,
    show,
    isDone: () => shown,
  },
  examine: {
    word: 'Examining',
    address: ({name, index}) => index === undefined
      ? `/examinations?name=${encodeURIComponent(name)}`
      : `/examples/${index}/report`,
    show: showReport,
    isDone: () => report,
  },
};

function showReport(made) {
  report = made;
  find('report_name').textContent = made.name;
  // A new one each time, so that the browser's way back leads to the page.
  const frame = document.createElement('iframe');
  frame.setAttribute('sandbox', '');
  frame.title = `Report of ${made.name}`;
  frame.src = `/examinations/${made.key}/report.html`;
  find('report_frame').replaceChildren(frame);
  find('report').hidden = false;
  find('report_name').focus({preventScroll: true});
  find('report').scrollIntoView({behavior: 'smooth'});
}

// Selects a tab; what it has not yet done with the photograph, it does now.
function select(button) {
  button.focus();
  if (button.dataset.tab === tab) return;
  tab = button.dataset.tab;
  for (const each of tabs) {
    const isSelected = each === button;
    each.setAttribute('aria-selected', isSelected);
    each.tabIndex = isSelected ? 0 : -1;
    find(each.dataset.tab).hidden = !isSelected;
  }
  current?.abort();
  current = null;
  say('', '');
  if (source && !TABS[tab].isDone()) begin();
}

const tabs = [...document.querySelectorAll('[role=tab]')];
for (const [i, button] of tabs.entries()) {
  const there = {
    ArrowLeft: i - 1, ArrowRight: i + 1, Home: 0, End: tabs.length - 1,
  };
  button.addEventListener('click', () => select(button));
  button.addEventListener('keydown', (event) => {
    if (!(event.key in there)) return;
    event.preventDefault();
    select(tabs.at(there[event.key] % tabs.length));
  });
}
for (const button of document.querySelectorAll('#report_downloads button')) {
  button.addEventListener('click', () => {
    const {key, name} = report;
    const {kind} = button.dataset;
    save(`/examinations/${key}/${kind}`, `${name}.${kind}`);
  });
}
