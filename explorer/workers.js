// Tells Monaco where its workers are: files of their own beside this script, so that the page's policy can refuse everything else.
const worker = (name) => new Worker(new URL(name, import.meta.url));

globalThis.MonacoEnvironment = {
  getWorker: (_id, label) => worker(WORKERS[label] ?? WORKERS.editor),
};
