// node serve.mjs MODEL.gguf: chat completions as OpenAI streams them, in front of llama.cpp on the CPU; prints its port.
// For tests only: one model, two requests at a time, streamed answers. One thread: llama.cpp spins, and crawls beside others.
import { createServer } from "node:http";
import { getLlama, LlamaChatSession } from "node-llama-cpp";

const llama = await getLlama({ gpu: false, build: "never", progressLogs: false, logLevel: "error" });
const model = await llama.loadModel({ modelPath: process.argv[2] });
const context = await model.createContext({ contextSize: 2048, sequences: 2, threads: 1 });

function turn({ role, content }) {
  const text = typeof content === "string" ? content : content.map(part => part.text).join("");
  return role === "assistant" ? { type: "model", response: [text] } : { type: role === "system" ? "system" : "user", text };
}

async function answer(body, response) {
  const chunk = (delta, finish_reason) => JSON.stringify({
    id: "chatcmpl-1", object: "chat.completion.chunk", created: 1, model: body.model, choices: [{ index: 0, delta, finish_reason }],
  });
  const gone = new AbortController();
  response.on("close", () => gone.abort());
  const sequence = context.getSequence();
  try {
    const session = new LlamaChatSession({ contextSequence: sequence });
    const turns = body.messages.map(turn);
    session.setChatHistory(turns.slice(0, -1));
    response.writeHead(200, { "content-type": "text/event-stream" });
    const { stopReason } = await session.promptWithMeta(turns.at(-1).text, {
      maxTokens: body.max_completion_tokens ?? body.max_tokens, temperature: body.temperature ?? 1, signal: gone.signal,
      onTextChunk: text => response.write(`data: ${chunk({ role: "assistant", content: text }, null)}\n\n`),
    });
    const { usedInputTokens, usedOutputTokens } = sequence.tokenMeter.getState();
    response.write(`data: ${chunk({}, stopReason === "maxTokens" ? "length" : "stop")}\n\n`);
    response.write(`data: ${JSON.stringify({ id: "chatcmpl-1", object: "chat.completion.chunk", created: 1, model: body.model, choices: [],
      usage: { prompt_tokens: usedInputTokens, completion_tokens: usedOutputTokens, total_tokens: usedInputTokens + usedOutputTokens } })}\n\n`);
    response.end("data: [DONE]\n\n");
  } finally {
    sequence.dispose();
  }
}

const server = createServer(async (request, response) => {
  try {
    const parts = [];
    for await (const part of request) parts.push(part);
    await answer(JSON.parse(Buffer.concat(parts)), response);
  } catch (failure) {
    if (!response.headersSent) response.writeHead(500);
    response.destroy(failure);
  }
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
process.stdin.on("end", () => process.exit(0)).resume();
