// Starts `spacelang lsp` and connects the editor to it.
"use strict";

const vscode = require("vscode");
const { LanguageClient } = require("vscode-languageclient/node");

let client;

async function start() {
  const command = vscode.workspace.getConfiguration("spacelang").get("command");
  client = new LanguageClient(
    "spacelang",
    "Space",
    { command, args: ["lsp", "--stdio"] },
    {
      documentSelector: [{ scheme: "file", language: "space" }, { scheme: "untitled", language: "space" }],
      synchronize: { fileEvents: vscode.workspace.createFileSystemWatcher("**/*.space") },
    },
  );
  try {
    await client.start();
  } catch {
    client = undefined;
    const remedy = "Install it with `pip install 'spacelang[lsp]'`, or set `spacelang.command` to where it is.";
    const answer = await vscode.window.showErrorMessage(`\`${command} lsp\` does not run. ${remedy}`, "Settings");
    if (answer === "Settings") {
      await vscode.commands.executeCommand("workbench.action.openSettings", "spacelang.command");
    }
  }
}

async function stop() {
  const running = client;
  client = undefined;
  await running?.dispose();
}

async function restart() {
  await stop();
  await start();
}

function activate(context) {
  context.subscriptions.push(
    vscode.commands.registerCommand("spacelang.restart", restart),
    vscode.workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration("spacelang.command")) {
        return restart();
      }
    }),
  );
  return start();
}

module.exports = { activate, deactivate: stop };
