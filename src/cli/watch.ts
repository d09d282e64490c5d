// Watching files: calls back a moment after the last change of any of them. Folders are watched, since editors replace files.
import { existsSync, type FSWatcher, watch } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';

const DEBOUNCE_MS = 120;

/** Files being watched; close() ends it all. */
export class FileWatch {
  readonly #onChange: (files: string[]) => void;
  readonly #folders = new Map<string, { watcher: FSWatcher; names: Set<string> }>();
  readonly #changed = new Set<string>();
  #timer: NodeJS.Timeout | undefined;

  constructor(onChange: (files: string[]) => void) {
    this.#onChange = onChange;
  }

  /** Watches exactly these files from now on. */
  set(files: Iterable<string>): void {
    const wanted = new Map<string, Set<string>>();
    for (const file of files) {
      const path = resolve(file);
      const names = wanted.get(dirname(path)) ?? new Set();
      wanted.set(dirname(path), names.add(basename(path)));
    }
    for (const [folder, row] of this.#folders) {
      if (wanted.has(folder)) continue;
      row.watcher.close();
      this.#folders.delete(folder);
    }
    for (const [folder, names] of wanted) {
      const known = this.#folders.get(folder);
      if (known !== undefined) known.names = names;
      else if (existsSync(folder)) this.#open(folder, names);
    }
  }

  close(): void {
    clearTimeout(this.#timer);
    for (const { watcher } of this.#folders.values()) watcher.close();
    this.#folders.clear();
  }

  #open(folder: string, names: Set<string>): void {
    const row = {
      names,
      watcher: watch(folder, (_event, name) => {
        if (name === null || !row.names.has(name)) return;
        this.#changed.add(resolve(folder, name));
        clearTimeout(this.#timer);
        this.#timer = setTimeout(() => this.#tell(), DEBOUNCE_MS);
      }),
    };
    // A folder that vanishes is watched no more.
    row.watcher.on('error', () => {
      row.watcher.close();
      this.#folders.delete(folder);
    });
    this.#folders.set(folder, row);
  }

  #tell(): void {
    const files = [...this.#changed];
    this.#changed.clear();
    this.#onChange(files);
  }
}
