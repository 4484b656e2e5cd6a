// Asks a Student for a label and its explanation, and prints both as they are written:
//   node ask.mjs HOST:PORT MODEL TEXT...
import { fileURLToPath } from 'node:url';
import grpc from '@grpc/grpc-js';
import protoLoader from '@grpc/proto-loader';

const [address, model, ...segments] = process.argv.slice(2);
if (segments.length === 0) {
  console.error('usage: node ask.mjs HOST:PORT MODEL TEXT...');
  process.exit(2);
}

const protos = fileURLToPath(new URL('../../protos', import.meta.url));
const definition = protoLoader.loadSync('distill/v1/inference.proto', { includeDirs: [protos], enums: String, longs: Number, oneofs: true });
const { InferenceService } = grpc.loadPackageDefinition(definition).distill.v1;
const client = new InferenceService(address, grpc.credentials.createInsecure());
const names = { PREDICTION_TASK_LABEL: 'label', PREDICTION_TASK_RATIONALE: 'rationale' };
let task;

// An answer's text is the sum of its deltas; the last message of a task says how it ended, and where the time went.
function show(name, text) {
  process.stdout.write(name === task ? text : `${names[name]}: ${text}`);
  task = name;
}

try {
  const call = client.streamPredict({ model, segments, task: 'PREDICTION_TASK_BOTH' }, { deadline: Date.now() + 60_000 });
  for await (const { delta, answer } of call) {
    if (delta) {
      show(delta.task, delta.text);
    } else {
      show(answer.task, '\n');
    }
  }
} catch (failure) {
  console.error(`${grpc.status[failure.code]}: ${failure.details}`);
  process.exitCode = 1;
} finally {
  client.close();
}
