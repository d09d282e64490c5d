// The names that `define` binds, block by block: an inner block sees the outer ones, `redefine` replaces, `undefine` removes.
import type { Expr } from './ast.ts';

const MAX_DEPTH = 64;

/** Definitions of the blocks that are open. */
export class Scope {
  readonly #blocks: Map<string, Expr>[] = [new Map()];

  /** Returns false when blocks nest too deeply. */
  open(): boolean {
    if (this.#blocks.length >= MAX_DEPTH) return false;
    this.#blocks.push(new Map());
    return true;
  }

  get depth(): number {
    return this.#blocks.length;
  }

  /** Closes blocks until `depth` are open: those that an error left open. */
  closeTo(depth: number): void {
    this.#blocks.length = Math.min(this.#blocks.length, depth);
  }

  close(): void {
    this.#blocks.pop();
  }

  lookup(name: string): Expr | undefined {
    for (let i = this.#blocks.length - 1; i >= 0; i--) {
      const value = this.#blocks[i]?.get(name);
      if (value !== undefined) return value;
    }
    return undefined;
  }

  /** Binds in the innermost block. Returns false when the name is bound there or in an outer block already. */
  define(name: string, value: Expr): boolean {
    if (this.lookup(name) !== undefined) return false;
    this.redefine(name, value);
    return true;
  }

  redefine(name: string, value: Expr): void {
    this.#blocks.at(-1)?.set(name, value);
  }

  /** Removes the innermost binding. Returns false when there is none. */
  undefine(name: string): boolean {
    for (let i = this.#blocks.length - 1; i >= 0; i--) if (this.#blocks[i]?.delete(name)) return true;
    return false;
  }

  /** All names that can be seen. */
  names(): string[] {
    return this.#blocks.flatMap((block) => [...block.keys()]);
  }
}
