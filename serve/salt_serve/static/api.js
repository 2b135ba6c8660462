// Talks to the server that the page came from.

const ADDRESS = "v1/predict?probabilities=true&each=true";
const TRIES = 20;

/** What is served, and what a request may hold. */
export async function fetchModel() {
  return await answerOf(await fetch("v1/model"));
}

/**
 * Results for some files, one each and in their order: {status: 200, salt, above, ...} or
 * {status, error}; a request that fails as a whole fails each of its files.
 * @param {File[]} files
 */
export async function predict(files) {
  try {
    return await posted(files);
  } catch (error) {
    return files.map(() => ({ status: 0, error: error.message }));
  }
}

async function posted(files) {
  const form = new FormData();
  for (const file of files) form.append("files", file);
  for (let attempt = 1; ; attempt++) {
    const response = await fetch(ADDRESS, { method: "POST", body: form }).catch(() => {
      throw new Error("the server cannot be reached");
    });
    if (response.status === 503 && attempt < TRIES) {
      await pause(Number(response.headers.get("Retry-After")) || 1);
      continue;
    }
    const body = await response.json().catch(() => ({}));
    if (body.results) return body.results;
    throw new Error(body.detail || `the server answered ${response.status}`);
  }
}

async function answerOf(response) {
  if (!response.ok) throw new Error(`the server answered ${response.status}`);
  return await response.json();
}

function pause(seconds) {
  return new Promise((resolve) => setTimeout(resolve, 1000 * seconds));
}
