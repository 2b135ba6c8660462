// Talks to the server that the page came from.

const ADDRESS = "v1/predict?probabilities=true&each=true";
const TRIES = 20;

/** What is served, and what a request may hold. */
export async function fetchModel() {
  return await (await asked("v1/model")).json();
}

/** A file of the server's that visitors may try. */
export async function fetchExample(name) {
  const response = await asked(`static/examples/${name}`);
  return new File([await response.blob()], name, { type: "image/png" });
}

/**
 * Results for some files, one each and in their order: {status: 200, salt, above, ...} or
 * {status, error}; a request that fails as a whole fails each of its files.
 * @param {File[]} files as many as a request may hold
 * @param {{sha256: string, threshold: number, gate: number}} model that is to answer: results are
 *   read by the levels that its threshold gives
 * @param {() => void} waits is called when the server is busy and will be asked again
 */
export async function predict(files, model, waits) {
  try {
    return resultsIn(await posted(files, waits), files.length, model);
  } catch (error) {
    return files.map(() => ({ status: 0, error: error.message }));
  }
}

async function asked(address) {
  const response = await reached(address);
  if (!response.ok) throw new Error(`the server answered ${response.status}`);
  return response;
}

/** Any answer; browsers word it differently when there is none. */
async function reached(address, options) {
  try {
    return await fetch(address, options);
  } catch {
    throw new Error("the server cannot be reached");
  }
}

async function posted(files, waits) {
  const form = new FormData();
  for (const file of files) form.append("files", file);
  for (let attempt = 1; ; attempt++) {
    const response = await reached(ADDRESS, { method: "POST", body: form });
    if (response.status === 503 && attempt < TRIES) {
      waits();
      await pause(Number(response.headers.get("Retry-After")) || 1);
      continue;
    }
    const body = await response.json().catch(() => ({}));
    if (response.ok) return body;
    throw new Error(body.detail || `the server answered ${response.status}`);
  }
}

function resultsIn(body, count, model) {
  if (body.results?.length !== count) {
    throw new Error(`the server answered ${body.results?.length ?? "none"} of ${count} files`);
  }
  if (body.sha256 !== model.sha256) {
    throw new Error("the server has another model by now; reload this page to use it");
  }
  if (body.threshold !== model.threshold || body.gate !== model.gate) {
    throw new Error("the server has another threshold or gate by now; reload this page to use it");
  }
  return body.results;
}

function pause(seconds) {
  return new Promise((resolve) => setTimeout(resolve, 1000 * seconds));
}
