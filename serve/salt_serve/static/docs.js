// Shows the server's OpenAPI description; nothing is loaded from elsewhere.

const METHODS = ["get", "post"];
const EXAMPLE = /http:\/\/127\.0\.0\.1:8080/g; // the server's address in the description
const HERE = new URL(".", document.baseURI).href.replace(/\/$/, ""); // as it is seen from here

/** An element with attributes, text and children. */
function make(tag, content = [], attributes = {}) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...[content].flat().filter((each) => each !== undefined && each !== ""));
  return element;
}

/** Text with `code` in it, as paragraphs. */
function prose(text = "") {
  return text.replaceAll(EXAMPLE, HERE).split("\n\n").map((paragraph) =>
    make("p", paragraph.split("`").map((part, i) => (i % 2 ? make("code", part) : part))),
  );
}

function table(heads, rows) {
  return make("table", [
    make("thead", make("tr", heads.map((head) => make("th", head, { scope: "col" })))),
    make("tbody", rows.map((cells) => make("tr", cells.map((cell) => make("td", cell))))),
  ]);
}

const nameOf = (reference) => reference.split("/").pop();

/** A type in words, with links to what it is made of. */
function typeOf(schema = {}) {
  if (schema.$ref) {
    const name = nameOf(schema.$ref);
    return [make("a", name, { href: `#${name}` })];
  }
  const choices = schema.anyOf || schema.oneOf;
  if (choices) return choices.flatMap((each, i) => (i ? [" or ", ...typeOf(each)] : typeOf(each)));
  if (schema.type === "array") return ["array of ", ...typeOf(schema.items)];
  if (schema.const !== undefined) return [JSON.stringify(schema.const)];
  if (schema.enum) return [schema.enum.map((value) => JSON.stringify(value)).join(" or ")];
  return [schema.format ? `${schema.type} (${schema.format})` : schema.type || "anything"];
}

function fields(schema) {
  const required = new Set(schema.required);
  return table(["Field", "Type", ""], Object.entries(schema.properties || {}).map(
    ([name, field]) => [
      make("code", required.has(name) ? name : `${name}?`),
      typeOf(field),
      prose(field.description),
    ],
  ));
}

function operation(method, path, described) {
  const parameters = (described.parameters || []).map((parameter) => [
    make("code", parameter.name),
    typeOf(parameter.schema),
    prose(parameter.description),
  ]);
  const form = described.requestBody?.content["multipart/form-data"]?.schema;
  const responses = Object.entries(described.responses).map(([status, response]) => [
    status,
    Object.values(response.content || {}).flatMap((each) => typeOf(each.schema)),
    prose(response.description),
  ]);
  return make("section", [
    make("h3", `${method.toUpperCase()} ${new URL(HERE).pathname.replace(/\/$/, "")}${path}`),
    ...prose(described.description || described.summary),
    ...(form ? [make("h4", "Form (multipart/form-data)"), fields(form)] : []),
    ...(parameters.length ? [make("h4", "Query"), table(["Name", "Type", ""], parameters)] : []),
    make("h4", "Answers"),
    table(["Status", "Type", ""], responses),
  ]);
}

const main = document.getElementById("docs");
try {
  const api = await (await fetch("openapi.json")).json();
  main.append(...prose(api.info.description), make("h2", "Addresses"));
  for (const [path, described] of Object.entries(api.paths)) {
    for (const method of METHODS) {
      if (described[method]) main.append(operation(method, path, described[method]));
    }
  }
  main.append(make("h2", "Types"));
  for (const [name, schema] of Object.entries(api.components.schemas)) {
    main.append(make("section", [
      make("h3", name, { id: name }),
      ...prose(schema.description),
      fields(schema),
    ]));
  }
} catch (error) {
  main.append(make("p", `The description cannot be loaded (${error.message}).`));
}
