// What one file's result looks like.

import { drawMask, drawOverlay, drawProbability, drawTile } from "./draw.js";
import { bytesOf, confidenceOf, coverageOf, maskOf, passes, rleOf } from "./masks.js";

const percent = (share) => `${(100 * share).toFixed(1)} %`;

/** A tile that was answered: redraws itself for any threshold and gate. */
export class AnswerCard {
  /**
   * @param {string} id the file's name without .png; any text
   * @param {{pixels: Uint8ClampedArray, salt: number, above: string, expected_px: number, warnings?: string[]}} found
   *   the tile as RGBA, and what the server says of it
   * @param {number[]} levels that `above` counts
   * @param {boolean} judged whether `salt` is by a judge of the model
   */
  constructor(id, { pixels, salt, above, expected_px: expected, warnings = [] }, levels, judged) {
    Object.assign(this, { id, pixels, salt, levels, expected, above: bytesOf(above) });
    this.element = copyOf("answer");
    this.part = (name) => this.element.querySelector(`[data-is="${name}"]`);
    this.text = this.element.querySelector("textarea");
    this.element.querySelector("h2").textContent = id;
    this.part("salt").textContent = this.salt.toFixed(3);
    this.part("warning").textContent = warnings.join("; ");
    this.part("warning").hidden = !warnings.length;
    this.element.querySelector("button").addEventListener("click", (event) => this.copy(event));
    drawTile(this.part("tile"), pixels);
    this.part("tile").setAttribute("aria-label", `${id}, the tile`);
    drawProbability(this.part("probability"), this.above, levels, judged ? salt : 1);
    this.part("probability").setAttribute("aria-label", `${id}, probability of salt at each pixel`);
  }

  /** Decide anew. */
  update(decision) {
    const kept = passes(this.salt, decision.gate);
    this.mask = maskOf(this.above, decision.index, kept);
    this.rle = rleOf(this.mask);
    this.coverage = coverageOf(this.mask);
    this.confidence = confidenceOf(this.salt, this.expected, this.above, this.levels, this.mask);
    const share = percent(this.coverage);
    const noPixel = kept && !this.rle;
    this.part("verdict").textContent = noPixel ? "no pixel above threshold" : kept ? "yes" : "no";
    this.part("coverage").textContent = share;
    this.part("confidence").textContent = this.confidence.toFixed(2);
    this.text.value = this.rle;
    drawMask(this.part("mask"), this.mask);
    drawOverlay(this.part("overlay"), this.pixels, this.mask);
    this.part("mask").setAttribute("aria-label", `${this.id}, mask: ${share} salt`);
    this.part("overlay").setAttribute("aria-label", `${this.id}, the mask over the tile`);
  }

  async copy({ target: button }) {
    this.text.select();
    try {
      await navigator.clipboard.writeText(this.rle);
      button.textContent = "Copied";
    } catch {
      // Without https or localhost there is no clipboard; the older way needs the selection.
      button.textContent = document.execCommand("copy") ? "Copied" : "Press Ctrl-C";
    }
    setTimeout(() => (button.textContent = "Copy"), 1500);
  }
}

/** A file that was not answered, and why. */
export class RefusalCard {
  constructor(id, reason) {
    this.element = copyOf("refusal");
    this.element.querySelector("h2").textContent = id;
    this.element.querySelector("p").textContent = reason;
  }
}

function copyOf(name) {
  return document.getElementById(name).content.firstElementChild.cloneNode(true);
}
