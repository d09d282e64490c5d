// Fuzzing of the language half: `node dist/scripts/fuzz-nft.js [COUNT] [FIRST]` compiles COUNT mutated rulesets from number FIRST on, in a
// worker of 256 MB; each must end within a second, in a result or an NftError. Prints the counts, the slowest and every offender
// (`mutant(seedTexts(), NUMBER)` makes it again); ends with 1 when there is one.
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { mutant, seedTexts } from './fuzz/mutate.ts';
import { fuzzOne } from './fuzz/one.ts';

const LIMIT_MS = 1000;
const LIMIT_MB = 256;

interface Work {
  first: number;
  count: number;
  /** What is being done, for the watching thread: number of the input. */
  progress: SharedArrayBuffer;
}
interface Report {
  compiled: number;
  refused: number;
  crashes: { number: number; message: string }[];
  slowest: { number: number; milliseconds: number };
}

if (isMainThread) await watch(Number(process.argv[2] ?? 10_000), Number(process.argv[3] ?? 1));
else work(workerData as Work);

/** The worker: every input in turn. A crash ends it; the number says at which. */
function work({ first, count, progress }: Work): void {
  const at = new Int32Array(progress);
  const seeds = seedTexts();
  const report: Report = { compiled: 0, refused: 0, crashes: [], slowest: { number: 0, milliseconds: 0 } };
  for (let number = first; number < first + count; number++) {
    const text = mutant(seeds, number);
    Atomics.store(at, 0, number);
    const start = performance.now();
    try {
      report[fuzzOne(text)]++;
    } catch (error) {
      report.crashes.push({ number, message: stackOf(error) });
      parentPort?.postMessage(report);
    }
    const milliseconds = performance.now() - start;
    if (milliseconds > report.slowest.milliseconds) report.slowest = { number, milliseconds };
    if (number % 1000 === 0) parentPort?.postMessage(report);
  }
  Atomics.store(at, 0, 0);
  parentPort?.postMessage(report);
}

/** Runs workers until all is done, each time behind the input that ended the last one. */
async function watch(count: number, first: number): Promise<void> {
  const offenders: string[] = [];
  let compiled = 0;
  let refused = 0;
  let slowest = { number: 0, milliseconds: 0 };
  for (let next = first; next < first + count; ) {
    const done = await runWorker(next, first + count - next);
    compiled += done.report.compiled;
    refused += done.report.refused;
    if (done.report.slowest.milliseconds > slowest.milliseconds) slowest = done.report.slowest;
    const found = done.report.crashes.map(({ number, message }) => `input ${number}: ${message}`);
    if (done.problem !== undefined) found.push(`input ${done.number}: ${done.problem}`);
    for (const offender of found) console.log(offender);
    offenders.push(...found);
    if (done.problem === undefined) break;
    next = done.number + 1;
  }
  console.log(
    `inputs ${first} to ${first + count - 1}: ${compiled} compiled, ${refused} refused, ${offenders.length} offenders`,
  );
  console.log(`slowest: input ${slowest.number}, ${slowest.milliseconds.toFixed(0)} ms`);
  process.exitCode = offenders.length > 0 || slowest.milliseconds > LIMIT_MS ? 1 : 0;
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message).split('\n').slice(0, 4).join(' | ') : String(error);
}

interface Outcome {
  report: Report;
  number: number;
  problem: string | undefined;
}

function runWorker(first: number, count: number): Promise<Outcome> {
  return new Promise((resolve) => {
    const progress = new SharedArrayBuffer(4);
    const at = new Int32Array(progress);
    const data: Work = { first, count, progress };
    const worker = new Worker(fileURLToPath(import.meta.url), {
      workerData: data,
      resourceLimits: { maxOldGenerationSizeMb: LIMIT_MB },
    });
    let report: Report = { compiled: 0, refused: 0, crashes: [], slowest: { number: 0, milliseconds: 0 } };
    let seen = 0;
    const timer = setInterval(() => {
      const number = Atomics.load(at, 0);
      if (number !== 0 && number === seen) finish(`takes longer than ${10 * LIMIT_MS} ms`);
      seen = number;
    }, 10 * LIMIT_MS);
    const finish = (problem: string | undefined): void => {
      clearInterval(timer);
      const number = Atomics.load(at, 0);
      void worker.terminate();
      resolve({ report, number, problem });
    };
    worker.on('message', (message: Report) => {
      report = message;
    });
    worker.on('error', (error) => finish(stackOf(error)));
    worker.on('exit', (code) => finish(code === 0 ? undefined : `the worker ended with ${code}`));
  });
}
