// The emulated router while a random scene is made: hosts answer what really reached them, translated as it was. The kernel
// gets the same frames in the end, so that a wrong answer of ours only makes other traffic.
import { parseRouter } from '../../../src/config/router-file.ts';
import { Router } from '../../../src/datapath/router.ts';
import { Recorder } from '../../../src/event/recorder.ts';
import { compile } from '../../../src/nft/compile.ts';
import { HEADROOM, Packet } from '../../../src/packet/packet.ts';

const EPOCH_NS = 1_700_000_000n * 1_000_000_000n;
const ROOM = 64;

/** A datagram as somebody received it. */
export interface Arrived {
  device: string;
  datagram: Uint8Array;
}

/** Takes frames, says what left because of them. */
export class Wire {
  readonly #router: Router | undefined;
  readonly #recorder = new Recorder();
  readonly #packet = new Packet();
  #left: Arrived[] = [];
  #count = 0;

  /** A ruleset that ours refuses makes a router that answers nothing: comparing it with nft's word comes later. */
  constructor(ruleset: string, router: string) {
    this.#router = this.#start(ruleset, router);
  }

  #start(ruleset: string, router: string): Router | undefined {
    try {
      const made: Router = new Router({
        spec: parseRouter(router, 'random'),
        ruleset: compile({ path: 'random.nft', text: ruleset }).ruleset,
        recorder: this.#recorder,
        sink: {
          frame: (ifindex, data, start, end) => {
            this.#note(made.interfaces.at(ifindex).name, data.slice(start, end));
          },
        },
        seed: 1,
        epochNs: EPOCH_NS,
        offload: 'as-ruled',
      });
      return made;
    } catch {
      return undefined;
    }
  }

  #note(device: string, frame: Uint8Array): void {
    const view = Buffer.from(frame);
    let at = 12;
    while (at + 2 <= view.length && [0x8100, 0x88a8].includes(view.readUInt16BE(at))) at += 4;
    if (at + 2 <= view.length && view.readUInt16BE(at) === 0x8864) at += 6;
    this.#left.push({ device, datagram: frame.slice(at + 2) });
  }

  /** Sends a frame; the datagrams that left. */
  send(device: string, frame: Uint8Array, timeNs: number): Arrived[] {
    const router = this.#router;
    this.#left = [];
    if (router === undefined) return [];
    router.advance(timeNs);
    this.#left = [];
    const data = new Uint8Array(HEADROOM + frame.length + ROOM);
    data.set(frame, HEADROOM);
    const packet = this.#packet;
    packet.attach(data, HEADROOM, HEADROOM + frame.length, frame.length);
    packet.number = ++this.#count;
    packet.timeNs = timeNs;
    this.#recorder.begin();
    try {
      router.enter(packet, router.interfaces.byName(device)?.index ?? 0);
    } catch {
      // The comparison meets it again, and tells it.
      this.#left = [];
    }
    this.#recorder.end(packet.pathClass, packet.verdict, frame.length, packet.number);
    return this.#left;
  }
}
