// Compiles a module with JSX and Relay's documents, and those beside it that it imports, for Node: build.mjs IN OUT.
import { readFile } from "node:fs/promises";
import { transformAsync } from "@babel/core";
import relay from "babel-plugin-relay";
import { build } from "esbuild";

const [entry, outfile] = process.argv.slice(2);

// Relay's own plugin is one of Babel's; it puts the compiled documents in the place of the written ones.
const documents = {
  name: "relay",
  setup({ onLoad }) {
    onLoad({ filter: /\.jsx$/ }, async ({ path: filename }) => {
      const options = { filename, babelrc: false, configFile: false, parserOpts: { plugins: ["jsx"] }, plugins: [relay] };
      const { code } = await transformAsync(await readFile(filename, "utf8"), options);
      return { contents: code, loader: "jsx" };
    });
  },
};

await build({
  entryPoints: [entry],
  outfile,
  bundle: true,
  format: "esm",
  jsx: "automatic",
  logLevel: "warning",
  packages: "external",
  platform: "node",
  plugins: [documents],
});
