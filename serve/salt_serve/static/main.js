// The page: files go in, cards come out, sliders decide, buttons save.

import { fetchExample, fetchModel } from "./api.js";
import { AnswerCard, RefusalCard } from "./card.js";
import { examine, takePart } from "./examine.js";
import { indexOf, levelsWith } from "./masks.js";
import { idOf, unused } from "./names.js";
import { saveCsv, saveMasks } from "./saving.js";

const MOST = 500; // tiles on the page; for more there is salt-infer
const EXAMPLES = ["synthetic-00001.png", "synthetic-00011.png", "synthetic-00019.png"];

const $ = (id) => document.getElementById(id);
// What comes first; files that were refused come last, but where all are as they were given.
const ORDERS = {
  given: null,
  unsure: (one, other) => one.confidence - other.confidence,
  salt: (one, other) => other.coverage - one.coverage,
};
const EMPTY = () => ({ waiting: [], asked: 0, cards: [], refusals: [], ids: new Set(), note: "" });
const state = { ...EMPTY(), model: null, round: 0, working: false, busy: false };

// Files ------------------------------------------------------------------------------------------

function add(files) {
  const room = MOST - state.asked;
  const taken = files.slice(0, Math.max(room, 0));
  state.asked += taken.length;
  state.waiting.push(...taken);
  const over = taken.length < files.length;
  state.note = over ? `No more than ${MOST} fit here; salt-infer takes any number.` : "";
  say();
  if (!state.working) work();
}

/** Look at what waits, part by part; what is dropped meanwhile joins the queue. */
async function work() {
  state.working = true;
  try {
    while (state.waiting.length) await lookAt(takePart(state.waiting, state.model.limits));
  } finally {
    state.working = false;
  }
}

async function lookAt(files) {
  const { round } = state;
  const found = await examine(files, state.model, () => sayBusy(true));
  sayBusy(false);
  if (round !== state.round) return; // cleared meanwhile
  files.forEach((file, i) => show(file.name, found[i]));
  if (ORDERS[$("order").value]) order();
  say();
}

function show(name, found) {
  const card = found.pixels ? answered(name, found) : refused(name, found.error);
  card.number = state.cards.length + state.refusals.length;
  $("results").append(card.element);
  $("controls").hidden = $("save").hidden = false;
  for (const button of [$("save-masks"), $("save-csv")]) button.disabled = !state.cards.length;
}

function answered(name, found) {
  const { levels, model } = state;
  const card = new AnswerCard(unused(idOf(name), state.ids), found, levels, model.judged);
  card.update(decision());
  state.cards.push(card);
  return card;
}

/** Takes no id: who tries the file again finds it saved by its own name. */
function refused(name, reason) {
  const card = new RefusalCard(idOf(name), reason);
  state.refusals.push(card);
  return card;
}

/** Put all cards in the order that was asked for. */
function order() {
  const by = ORDERS[$("order").value];
  const { cards, refusals } = state;
  const inTurn = (one, other) => one.number - other.number;
  const sorted = by ? [...[...cards].sort(by), ...refusals] : [...cards, ...refusals].sort(inTurn);
  $("results").append(...sorted.map((card) => card.element));
}

function clear() {
  Object.assign(state, EMPTY());
  state.round += 1;
  $("results").replaceChildren();
  $("controls").hidden = $("save").hidden = true;
  say();
  $("files").focus();
}

/** Whether the server has no room for what it is asked now. */
function sayBusy(busy) {
  state.busy = busy;
  say();
}

/** How far things are. */
function say() {
  const salt = state.cards.filter((card) => card.rle).length;
  const refused = state.refusals.length;
  const done = state.cards.length + refused;
  const unread = refused ? `, ${refused} could not be read` : "";
  const counts = `${done} of ${state.asked} looked at: ${salt} with salt${unread}.`;
  const busy = "The server is busy; this page will ask it again.";
  const said = [state.asked && counts, state.note, state.busy && busy];
  const text = said.filter(Boolean).join(" ");
  // Screen readers read it out each time it is set.
  if ($("status").textContent !== text) $("status").textContent = text;
}

// Decision ---------------------------------------------------------------------------------------

function decision() {
  return { index: Number($("threshold").value), gate: state.gates[Number($("gate").value)] };
}

/** Once a slider is let go: cards that change places while it moves could not be followed. */
function orderAnew() {
  if (ORDERS[$("order").value]) requestAnimationFrame(order);
}

function setSlider(name, levels, index) {
  $(name).max = levels.length - 1;
  $(name).value = index;
  showSlider(name, levels);
}

function showSlider(name, levels) {
  const level = levels[Number($(name).value)];
  const text = level.toFixed(Number(level.toFixed(3)) === level ? 3 : 4);
  $(`${name}-value`).textContent = text;
  $(name).setAttribute("aria-valuetext", text);
}

/** Decide anew for every tile, at most once a frame. */
function decide() {
  showSlider("threshold", state.levels);
  showSlider("gate", state.gates);
  cancelAnimationFrame(state.frame);
  state.frame = requestAnimationFrame(() => {
    for (const card of state.cards) card.update(decision());
    say();
  });
}

function reset() {
  const { threshold, gate } = state.model;
  setSlider("threshold", state.levels, indexOf(state.levels, threshold));
  setSlider("gate", state.gates, indexOf(state.gates, gate));
  decide();
}

// Start ------------------------------------------------------------------------------------------

async function addExamples() {
  try {
    add(await Promise.all(EXAMPLES.map(fetchExample)));
  } catch (error) {
    state.note = `The examples cannot be had (${error.message}); try again later.`;
    say();
  }
}

function describe(model) {
  const { contract } = model;
  const score = contract.validation.score;
  const own = ["threshold", "gate", "tta"].every((name) => model[name] === contract[name]);
  const measured = own ? "" : " with the file’s own settings";
  const facts = {
    Network: contract.architecture,
    File: `${model.file}, ${contract.precision}, on ${model.provider}`,
    "Threshold and gate here": `${model.threshold}, ${model.gate}; test-time views: ${model.tta}`,
    "Validation score": score === undefined ? "not measured" : score.toFixed(3) + measured,
    "SHA-256": model.sha256,
  };
  for (const [name, value] of Object.entries(facts)) {
    const term = document.createElement("dt");
    const text = document.createElement("dd");
    term.textContent = name;
    text.textContent = value;
    $("model").append(term, text);
  }
}

function listen() {
  $("files").addEventListener("change", (event) => {
    add([...event.target.files]);
    event.target.value = ""; // the same file may be chosen again
  });
  for (const type of ["dragover", "drop"]) {
    document.addEventListener(type, (event) => event.preventDefault());
  }
  document.addEventListener("dragover", () => $("drop").classList.add("over"));
  document.addEventListener("dragleave", () => $("drop").classList.remove("over"));
  document.addEventListener("drop", (event) => {
    $("drop").classList.remove("over");
    add([...event.dataTransfer.files]);
  });
  $("example").addEventListener("click", addExamples);
  $("threshold").addEventListener("input", decide);
  $("gate").addEventListener("input", decide);
  for (const slider of ["threshold", "gate"]) $(slider).addEventListener("change", orderAnew);
  $("reset").addEventListener("click", () => {
    reset();
    orderAnew();
  });
  $("order").addEventListener("change", order);
  $("save-masks").addEventListener("click", () => saveMasks(state.cards));
  $("save-csv").addEventListener("click", () => saveCsv(state.cards));
  $("clear").addEventListener("click", clear);
}

try {
  state.model = await fetchModel();
  state.levels = levelsWith(state.model.threshold);
  state.gates = levelsWith(state.model.gate);
  describe(state.model);
  reset();
  listen();
  document.documentElement.dataset.ready = "";
} catch (error) {
  $("status").textContent = `This page cannot start (${error.message}); reload it to try again.`;
}
