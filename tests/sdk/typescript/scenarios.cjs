// What a program does with the TypeScript SDK; prints what it saw as one line of JSON.
// Arguments: the folder the SDK is installed in, the proxy's URL, its key, the scenario.
"use strict";

const { createRequire } = require("node:module");
const { mkdtempSync, readFileSync } = require("node:fs");
const { tmpdir } = require("node:os");
const { join } = require("node:path");

const [folder, baseURL, apiKey, scenario] = process.argv.slice(2);
const load = createRequire(join(folder, "package.json"));
const { Anthropic, BetaFallbackState, betaRefusalFallbackMiddleware } = load("@anthropic-ai/sdk");
const { betaTool } = load("@anthropic-ai/sdk/helpers/beta/json-schema");
const { betaMemoryTool, BetaLocalFilesystemMemoryTool } = load("@anthropic-ai/sdk/tools/memory/node");

const options = { baseURL, apiKey, maxRetries: 0, timeout: 30_000 };
const client = new Anthropic(options);
const hello = { role: "user", content: "hello" };
const asked = { model: "claude-sonnet-5", max_tokens: 100, messages: [hello] };
const betas = ["compact-2026-09-04", "inline-tools-2026-09-15"];

function tool(name, member) {
  return betaTool({
    name,
    description: `the ${name}`,
    inputSchema: { type: "object", properties: { [member]: { type: "string" } } },
    run: (input) => `${name} of ${input[member]}`,
  });
}

const weather = tool("weather", "city");
const clock = tool("clock", "zone");

function text(message) {
  return message.content.map((block) => (block.type === "text" ? block.text : "")).join("");
}

function types(message) {
  return message.content.map((block) => block.type);
}

const scenarios = {
  async message() {
    return { text: text(await client.messages.create(asked)) };
  },

  async stream() {
    const message = await client.messages.stream(asked).finalMessage();
    return { text: text(message), stop: message.stop_reason, usage: message.usage.output_tokens };
  },

  async tool_runner() {
    const runner = client.beta.messages.toolRunner({ ...asked, tools: [weather] });
    return { text: text(await runner.runUntilDone()) };
  },

  async streamed_tool_runner() {
    const runner = client.beta.messages.toolRunner({ ...asked, tools: [weather], stream: true });
    const texts = [];
    for await (const stream of runner) texts.push(text(await stream.finalMessage()));
    return { text: texts.at(-1) };
  },

  async memory_tool() {
    const kept = mkdtempSync(join(tmpdir(), "memory-"));
    const memory = betaMemoryTool(await BetaLocalFilesystemMemoryTool.init(kept));
    const runner = client.beta.messages.toolRunner({ ...asked, tools: [memory] });
    const answer = text(await runner.runUntilDone());
    return { text: answer, written: readFileSync(join(kept, "memories", "a.txt"), "utf8") };
  },

  async added_tools_and_compaction() {
    const runner = client.beta.messages.toolRunner({ ...asked, betas, tools: [weather] });
    const stops = [];
    const changes = [];
    let last;
    for await (const message of runner) {
      if (stops.length === 0) runner.addTools(clock);
      if (stops.length === 1) runner.compactBeforeNextTurn();
      stops.push(message.stop_reason);
      for (const block of message.content) {
        if (block.type === "compaction") changes.push(...block.tool_changes);
      }
      last = message;
    }
    return { stops, text: text(last), changes: changes.map((change) => change.tool.definition.name) };
  },

  async streamed_compaction() {
    const edit = { type: "compact_20260112", trigger: { type: "input_tokens", value: 1 } };
    const stream = client.beta.messages.stream({
      ...asked,
      betas: ["compact-2026-01-12"],
      context_management: { edits: [edit] },
    });
    const message = await stream.finalMessage();
    const iterations = message.usage.iterations.map((each) => each.type);
    return { types: types(message), summary: message.content[0].content, iterations };
  },

  async refusal() {
    const middleware = [betaRefusalFallbackMiddleware([{ model: "model-b" }])];
    const falling = new Anthropic({ ...options, middleware });
    const body = { ...asked, model: "model-a" };
    const message = await falling.beta.messages.create(body, {
      fallbackState: new BetaFallbackState(),
    });
    return { types: types(message), text: text(message) };
  },

  async streamed_refusal() {
    const middleware = [betaRefusalFallbackMiddleware([{ model: "model-b" }])];
    const falling = new Anthropic({ ...options, middleware });
    const stream = falling.beta.messages.stream(
      { ...asked, model: "model-a" },
      { fallbackState: new BetaFallbackState() },
    );
    const message = await stream.finalMessage();
    return { types: types(message), text: text(message) };
  },

  async models() {
    const ids = [];
    for await (const model of client.models.list({ limit: 1 })) ids.push(model.id);
    const one = await client.models.retrieve(ids[0]);
    return { ids, one: one.id };
  },

  async thread() {
    try {
      await client.beta.messages.thread({ model: asked.model, max_tokens: 100 }).send(hello);
    } catch (error) {
      return { status: error.status, code: error.error.error.details.error_code };
    }
    return {};
  },

  async unthreaded() {
    const thread = client.beta.messages.thread({
      model: asked.model,
      max_tokens: 100,
      unsupportedRequestBehavior: "continue_unthreaded",
    });
    const first = text(await thread.send(hello));
    return { texts: [first, text(await thread.send({ role: "user", content: "more" }))] };
  },
};

scenarios[scenario]().then(
  (seen) => console.log(JSON.stringify(seen)),
  (error) => {
    console.error(error);
    process.exitCode = 1;
  },
);
