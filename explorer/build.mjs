// Bundles the explorer into graphql_api/static: script, style, workers, font, icon and the licences of what is in them.
// Names carry a hash of the content. manifest.json, written last, names the page's parts and lists every file with its SHA-256.
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

process.chdir(import.meta.dirname);

const STATIC = "../graphql_api/static";
const WORKERS = {
  editor: "monaco-editor/esm/vs/editor/editor.worker.js",
  graphql: "monaco-graphql/esm/graphql.worker.js",
  json: "monaco-editor/esm/vs/language/json/json.worker.js",
};

// Files of these kinds also get a compressed twin; the rest is small, or compressed already.
const COMPRESSED = /\.(css|js|ttf)$/;

/** Bundles one entry point and says which files came out (by suffix) and what went in. */
async function bundle(name, entry, options) {
  const { metafile } = await build({
    entryPoints: [{ in: entry, out: name }],
    absWorkingDir: process.cwd(),
    outdir: STATIC,
    bundle: true,
    minify: true,
    metafile: true,
    target: "es2022",
    entryNames: "[name]-[hash]",
    assetNames: "[name]-[hash]",
    legalComments: "none",
    logLevel: "warning",
    ...options,
    loader: { ".graphql": "text", ".svg": "file", ".ttf": "file", ...options.loader },
    define: { "process.env.NODE_ENV": '"production"', ...options.define },
  });
  const names = Object.keys(metafile.outputs).map((path) => basename(path));
  return { file: (suffix) => names.find((file) => file.endsWith(suffix)), inputs: Object.keys(metafile.inputs) };
}

/** The packages that the inputs came from, as their folders, in alphabetical order. */
function packages(inputs) {
  const folders = inputs.map((path) => path.match(/^node_modules\/(?:@[^/]+\/)?[^/]+/)?.[0]);
  return [...new Set(folders.filter(Boolean))].sort();
}

/** What a package says about its licence: its name, its home, and the texts that it ships (a few ship none). */
function licence(folder) {
  const { name, version, license, repository } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const texts = readdirSync(folder)
    .filter((file) => /^(licen[cs]e|copying|notice|thirdpartynotices)/i.test(file))
    .map((file) => readFileSync(join(folder, file), "utf8").trim());
  return [`${name} ${version} (${license})\n${repository?.url ?? repository ?? ""}`, ...texts].join("\n\n");
}

function write(name, content) {
  writeFileSync(join(STATIC, name), content);
}

function sha256(name) {
  return createHash("sha256").update(readFileSync(join(STATIC, name))).digest("hex");
}

rmSync(STATIC, { recursive: true, force: true });
mkdirSync(STATIC, { recursive: true });

const inputs = [];
const workers = {};
for (const [name, entry] of Object.entries(WORKERS)) {
  const worker = await bundle(`${name}.worker`, entry, { format: "iife" });
  workers[name] = worker.file(".js");
  inputs.push(...worker.inputs);
}
const icon = await bundle("favicon", "favicon.svg", { loader: { ".svg": "copy" } });
const page = await bundle("graphiql", "main.jsx", {
  format: "esm",
  jsx: "automatic",
  // GraphiQL titles its icons by the names of their functions.
  keepNames: true,
  define: { WORKERS: JSON.stringify(workers) },
});
inputs.push(...page.inputs);

write("LICENSES.txt", packages(inputs).map(licence).join(`\n\n${"-".repeat(80)}\n\n`) + "\n");
for (const name of readdirSync(STATIC).filter((file) => COMPRESSED.test(file))) {
  write(`${name}.gz`, gzipSync(readFileSync(join(STATIC, name)), { level: 9 }));
}
const files = Object.fromEntries(readdirSync(STATIC).sort().map((name) => [name, sha256(name)]));
const manifest = { script: page.file(".js"), style: page.file(".css"), icon: icon.file(".svg"), files };
write("manifest.json", JSON.stringify(manifest, null, 2) + "\n");
