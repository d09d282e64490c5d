// The datagrams of one family that wait for fragments: found by key, bounded in memory, killed when their time is over
// (struct fqdir and inet_frag_find, inet_frag_kill of net/ipv4/inet_fragment.c).
import { u32 } from '../../base/columns.ts';
import { type Fragment, FragmentPool } from './fragment.ts';
import { FragmentQueue, QUEUE_KEY_WORDS } from './queue.ts';

/** sizeof(struct ipq), sizeof(struct frag_queue), about. */
const QUEUE_SIZE = 216;
const HEADS = 1024;

export class QueueDirectory {
  /** Octets in use, as the kernel counts them: queues and fragments with their overhead. */
  memory = 0;
  /** Datagrams that wait. */
  count = 0;
  readonly pool = new FragmentPool();
  /** Key of the datagram to find or make. */
  readonly key = new Uint32Array(QUEUE_KEY_WORDS);
  readonly #highThreshold: number;
  readonly #timeoutNs: number;
  readonly #heads: (FragmentQueue | undefined)[] = new Array(HEADS).fill(undefined);
  readonly #spare: FragmentQueue[] = [];
  #first: FragmentQueue | undefined = undefined;
  #last: FragmentQueue | undefined = undefined;
  /** The first of those that are over together with the last. */
  #lastGroup: FragmentQueue | undefined = undefined;

  constructor(highThreshold: number, timeoutNs: number) {
    this.#highThreshold = highThreshold;
    this.#timeoutNs = timeoutNs;
  }

  /** The queue of `key`, made when there is none; undefined when too much memory is in use (inet_frag_find). */
  find(nowNs: number): FragmentQueue | undefined {
    if (this.#highThreshold <= 0 || this.memory > this.#highThreshold) return undefined;
    const hash = hashKey(this.key);
    for (let queue = this.#heads[hash % HEADS]; queue !== undefined; queue = queue.hashNext) {
      if (queue.hash === hash && sameKey(queue.key, this.key)) return queue;
    }
    return this.#create(hash, nowNs);
  }

  /** The queue that is over first, if it is over by now. */
  expired(nowNs: number): FragmentQueue | undefined {
    const first = this.#first;
    return first !== undefined && first.expiresNs <= nowNs ? first : undefined;
  }

  /** Counts a fragment that a queue has taken. */
  charge(fragment: Fragment): void {
    this.memory += fragment.truesize;
  }

  /** Takes a queue out and drops its fragments (inet_frag_kill, inet_frag_destroy). */
  kill(queue: FragmentQueue): void {
    this.flush(queue);
    this.#unhash(queue);
    this.#unlink(queue);
    this.memory -= QUEUE_SIZE;
    this.count--;
    this.#spare.push(queue);
  }

  /** Drops the fragments of a queue (inet_frag_queue_flush). */
  flush(queue: FragmentQueue): void {
    for (let run = queue.firstRun; run !== undefined; ) {
      const nextRun: Fragment | undefined = run.nextRun;
      for (let fragment: Fragment | undefined = run; fragment !== undefined; ) {
        const next: Fragment | undefined = fragment.next;
        this.memory -= fragment.truesize;
        this.pool.release(fragment);
        fragment = next;
      }
      run = nextRun;
    }
    queue.firstRun = undefined;
    queue.lastRun = undefined;
    queue.tail = undefined;
  }

  /** Gives a queue its whole time again (mod_timer of ip_frag_reinit). */
  restart(queue: FragmentQueue, nowNs: number): void {
    this.#unlink(queue);
    this.#append(queue, nowNs);
  }

  #create(hash: number, nowNs: number): FragmentQueue {
    const queue = this.#spare.pop() ?? new FragmentQueue();
    queue.clear();
    queue.key.set(this.key);
    queue.hash = hash;
    queue.hashNext = this.#heads[hash % HEADS];
    this.#heads[hash % HEADS] = queue;
    this.memory += QUEUE_SIZE;
    this.count++;
    this.#append(queue, nowNs);
    return queue;
  }

  #unhash(queue: FragmentQueue): void {
    const head = queue.hash % HEADS;
    let at = this.#heads[head];
    if (at === queue) this.#heads[head] = queue.hashNext;
    else {
      while (at !== undefined && at.hashNext !== queue) at = at.hashNext;
      if (at !== undefined) at.hashNext = queue.hashNext;
    }
    queue.hashNext = undefined;
  }

  /** All wait equally long, so the list by start is the list by end; those that are over together go newest first. */
  #append(queue: FragmentQueue, nowNs: number): void {
    queue.expiresNs = wheelTime(nowNs, this.#timeoutNs);
    const last = this.#last;
    if (last === undefined || last.expiresNs !== queue.expiresNs) {
      this.#link(queue, last, undefined);
    } else {
      const first = this.#lastGroup ?? last;
      this.#link(queue, first.earlier, first);
    }
    this.#lastGroup = queue;
  }

  #link(queue: FragmentQueue, earlier: FragmentQueue | undefined, later: FragmentQueue | undefined): void {
    queue.earlier = earlier;
    queue.later = later;
    if (earlier === undefined) this.#first = queue;
    else earlier.later = queue;
    if (later === undefined) this.#last = queue;
    else later.earlier = queue;
  }

  #unlink(queue: FragmentQueue): void {
    if (this.#lastGroup === queue) this.#lastGroup = queue.later;
    if (queue.earlier === undefined) this.#first = queue.later;
    else queue.earlier.later = queue.later;
    if (queue.later === undefined) this.#last = queue.earlier;
    else queue.later.earlier = queue.earlier;
    queue.earlier = undefined;
    queue.later = undefined;
  }
}

const TICK_NS = 4e6;
/** The kernel's first is INITIAL_JIFFIES (300 s before zero); this router booted 1.5 s before time 0. */
const FIRST_TICK = -75_000 + 375;
/** Steps of the timer wheel: each of its levels has 64, eight times as long as those of the level below (kernel/time/timer.c). */
const LEVEL_TICKS = 63;
const LEVEL_FACTOR = 8;

/** When the kernel's timer wheel lets go what is over after `timeoutNs` (calc_index). */
function wheelTime(nowNs: number, timeoutNs: number): number {
  const ticks = Math.floor(timeoutNs / TICK_NS);
  let step = 1;
  while (ticks >= LEVEL_TICKS * step) step *= LEVEL_FACTOR;
  const over = FIRST_TICK + Math.floor(nowNs / TICK_NS) + ticks;
  return ((Math.floor(over / step) + 1) * step - FIRST_TICK) * TICK_NS;
}

function hashKey(key: Uint32Array): number {
  let h = 0x9e3779b1;
  for (let i = 0; i < QUEUE_KEY_WORDS; i++) {
    h = Math.imul(h ^ u32(key, i), 0x85ebca6b);
    h ^= h >>> 15;
  }
  return h >>> 0;
}

function sameKey(a: Uint32Array, b: Uint32Array): boolean {
  for (let i = 0; i < QUEUE_KEY_WORDS; i++) if (u32(a, i) !== u32(b, i)) return false;
  return true;
}
