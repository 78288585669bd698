// Swagger UI on our own OpenAPI document; nothing is loaded from elsewhere.

const LAST = ["look", "mend", "machines"]; // what comes in stands before what is asked

if (matchMedia("(prefers-color-scheme: dark)").matches) document.documentElement.classList.add("dark-mode");

SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  displayRequestDuration: true,
  docExpansion: "list",
  persistAuthorization: false,
  tagsSorter: (a, b) => place(a) - place(b) || a.localeCompare(b),
  tryItOutEnabled: true,
  validatorUrl: null,
});

function place(tag) {
  return tag === "ingest" ? -2 : LAST.indexOf(tag);
}
