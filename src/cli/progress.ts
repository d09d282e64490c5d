// Progress of a long replay on stderr, when stderr is a terminal: packets, rate, time left. One line, rewritten.
import type { Progress } from '../replay/task.ts';
import { count, duration } from '../report/format.ts';

const EVERY_MS = 200;
/** Work shorter than this shows nothing. */
const QUIET_MS = 500;

/** Returns the callback for ReplayOptions.onProgress and a function that clears the line. */
export function progressLine(stream: NodeJS.WriteStream): {
  onProgress: (progress: Progress) => void;
  clear: () => void;
} {
  const started = performance.now();
  let shown = started + QUIET_MS - EVERY_MS;
  let isShown = false;
  const onProgress = (progress: Progress): void => {
    const now = performance.now();
    if (!stream.isTTY || now - shown < EVERY_MS) return;
    shown = now;
    isShown = true;
    const seconds = (now - started) / 1000;
    const rate = progress.packets / seconds;
    const done = progress.octetsTotal > 0 ? progress.octetsRead / progress.octetsTotal : 0;
    const left = done > 0 ? `, ${duration((seconds / done - seconds) * 1e9)} left` : '';
    const share = done > 0 ? `${Math.floor(done * 100)} %, ` : '';
    stream.write(`\r\x1b[K${share}${count(progress.packets)} packets, ${count(rate)} packets/s${left}`);
  };
  const clear = (): void => {
    if (isShown) stream.write('\r\x1b[K');
  };
  return { onProgress, clear };
}
