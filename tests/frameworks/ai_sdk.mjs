// Vercel's AI SDK with its Anthropic provider: one line of JSON for each thing that it does.
//
// Run by test_ai_sdk.py with the base URL and the key of a proxy as arguments, in a directory whose
// node_modules holds the packages.
import { createAnthropic } from "@ai-sdk/anthropic";
import { generateText, Output, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";

const [baseURL, apiKey] = process.argv.slice(2);
const model = createAnthropic({ baseURL, apiKey })("claude-sonnet-4-5");
const tell = (name, value) => console.log(JSON.stringify({ name, value }));

const add = tool({
  description: "Add two numbers.",
  inputSchema: z.object({ a: z.number(), b: z.number() }),
  execute: async ({ a, b }) => a + b,
});
const question = "What is 3 plus 3, by the tool?";
const recipe = z.object({ name: z.string(), steps: z.array(z.string()), minutes: z.number() });

const whole = await generateText({ model, prompt: "Hello" });
tell("generate", { text: whole.text, reason: whole.finishReason, input: whole.usage.inputTokens });

const streamed = streamText({ model, prompt: "Hello" });
const pieces = [];
for await (const piece of streamed.textStream) pieces.push(piece);
tell("stream", {
  text: pieces.join(""),
  several: pieces.length > 1,
  reason: await streamed.finishReason,
  output: (await streamed.usage).outputTokens,
});

const steps = { tools: { add }, stopWhen: stepCountIs(3), prompt: question };
const called = await generateText({ model, ...steps });
tell("tools", {
  inputs: called.steps.flatMap((step) => step.toolCalls.map((call) => call.input)),
  outputs: called.steps.flatMap((step) => step.toolResults.map((result) => result.output)),
  text: called.text,
});

const calling = streamText({ model, ...steps });
const kinds = new Set();
for await (const part of calling.fullStream) kinds.add(part.type);
tell("streamed tools", {
  parts: ["tool-input-start", "tool-input-delta", "tool-call", "tool-result", "text-delta"].filter(
    (kind) => kinds.has(kind),
  ),
  errors: kinds.has("error"),
  text: await calling.text,
});

const forced = await generateText({
  model,
  tools: { add },
  toolChoice: { type: "tool", toolName: "add" },
  prompt: "5",
});
tell("forced tool", forced.toolCalls.map((call) => [call.toolName, call.input]));

const output = Output.object({ schema: recipe });
const object = await generateText({ model, output, prompt: "A recipe that takes 20 minutes" });
tell("object", object.output);

const partial = streamText({ model, output, prompt: "A recipe that takes 20 minutes" });
let last;
for await (const value of partial.partialOutputStream) last = value;
tell("streamed object", last);

const image = await generateText({
  model,
  messages: [
    {
      role: "user",
      content: [
        { type: "text", text: "Describe it" },
        {
          type: "image",
          image:
            "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+M8AAAMBAQDJ/pLvAAAAAElFTkSuQmCC",
        },
      ],
    },
  ],
});
tell("image", image.text);
