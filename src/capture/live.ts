// Packets of a live interface by the npm package cap (libpcap), an optional dependency: it is loaded when asked for.
// cap tells no times; a packet gets the time when it was handed over. Packets that come while the replay is busy wait
// in libpcap's buffer and then here, within a bound; beyond it they are lost and counted.
import { CaptureError } from '../base/errors.ts';
import { LINK_FORMS, unsupportedLinkType } from './linktype.ts';
import { type CaptureInterface, type CaptureReader, MAX_CAPTURED_LENGTH, PACKET_TYPE_UNKNOWN } from './record.ts';
import { RecordQueue } from './record-queue.ts';

const KERNEL_BUFFER = 10 * 1024 * 1024;
/** Octets of packets that wait to be replayed. */
const MAX_WAITING = 64 * 1024 * 1024;

export interface LiveOptions {
  /** Stop after so many packets. */
  packets?: number;
  /** Stop after so many seconds. */
  seconds?: number;
  /** libpcap filter expression. */
  filter?: string;
  /** The clock: milliseconds since 1970, fractional. */
  nowMs: () => number;
  /** Loads the package; tests put a stand-in here. */
  load?: () => Promise<unknown>;
}

interface CapDevice {
  open(device: string, filter: string, bufferBytes: number, packet: Buffer): string;
  on(event: 'packet', listener: (length: number, truncated: boolean) => void): void;
  close(): boolean;
}

/** Opens a live capture; throws a CaptureError that says what is missing: the package, permission or the interface. */
export async function openLive(device: string, options: LiveOptions | undefined): Promise<CaptureReader> {
  const path = `live:${device}`;
  if (device === '') throw new CaptureError(path, 0, 'no interface is named: write live:IFACE, as in live:eth0');
  if (options === undefined) throw new CaptureError(path, 0, 'live capture is not available here: name a file');
  const cap = await loadCap(path, options);
  return new LiveReader(path, device, cap, options);
}

async function loadCap(path: string, options: LiveOptions): Promise<CapDevice> {
  // A variable, so that the compiler does not look for a package that need not be there.
  const name = 'cap';
  try {
    const loaded = (await (options.load ?? (() => import(name)))()) as { default?: CapModule } & CapModule;
    const Cap = loaded.default?.Cap ?? loaded.Cap;
    if (Cap !== undefined) return new Cap();
  } catch {
    // Not installed, or not built: the message below names the remedy for both.
  }
  throw new CaptureError(
    path,
    0,
    'live capture needs the optional npm package cap: install libpcap-dev (apt-get install libpcap-dev), then ' +
      'run `npm install cap`; or pipe: tcpdump -U -w - | nftreplay run RULESET -',
  );
}

interface CapModule {
  Cap?: new () => CapDevice;
}

// What cap calls the link types it knows; others it calls 'Unknown linktype N'.
const CAP_LINK_TYPES: Readonly<Record<string, number>> = {
  NULL: 0,
  ETHERNET: 1,
  RAW: 101,
  LINKTYPE_LINUX_SLL: 113,
  IEEE802_11_RADIO: 127,
};

class LiveReader implements CaptureReader {
  readonly path: string;
  readonly interfaces: CaptureInterface[];
  damage: CaptureError | undefined;
  readonly untimed = 0;
  lost = 0;
  readonly totalBytes = undefined;
  readBytes = 0;

  data: Uint8Array;
  start = 0;
  end = 0;
  wireLength = 0;
  timestampSeconds = 0;
  timestampNanos = 0;
  readonly interfaceIndex = 0;
  readonly linkType: number;
  fileOffset = 0;
  readonly packetType = PACKET_TYPE_UNKNOWN;
  readonly hostIfindex = 0;

  readonly #cap: CapDevice;
  readonly #packet = Buffer.alloc(MAX_CAPTURED_LENGTH);
  /** cap fills one queue while the other is read. */
  #reading = new RecordQueue();
  #filling = new RecordQueue();
  readonly #nowMs: () => number;
  #packetsLeft: number;
  readonly #timer: NodeJS.Timeout | undefined;
  #wake: (() => void) | undefined;
  #ended = false;

  constructor(path: string, device: string, cap: CapDevice, options: LiveOptions) {
    this.path = path;
    this.#cap = cap;
    this.#nowMs = options.nowMs;
    this.#packetsLeft = options.packets ?? Number.POSITIVE_INFINITY;
    this.linkType = this.#start(device, options.filter ?? '');
    this.interfaces = [{ name: device, linkType: this.linkType, supported: true, snaplen: 65_535, skipped: 0 }];
    this.data = this.#reading.data;
    if (options.seconds !== undefined) this.#timer = setTimeout(() => this.#stop(), options.seconds * 1000);
  }

  next(): boolean {
    const queue = this.#reading;
    if (!queue.next()) return false;
    this.data = queue.data;
    this.start = queue.start;
    this.end = queue.end;
    this.wireLength = queue.wireLength;
    this.timestampSeconds = queue.timestampSeconds;
    this.timestampNanos = queue.timestampNanos;
    this.fileOffset = this.readBytes;
    this.readBytes += queue.end - queue.start;
    return true;
  }

  async fill(): Promise<boolean> {
    if (this.#reading.taken < this.#reading.count) return true;
    if (this.#filling.count === 0 && !this.#ended) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const empty = this.#reading;
    this.#reading = this.#filling;
    this.#filling = empty;
    empty.clear();
    return this.#reading.count > 0;
  }

  async close(): Promise<void> {
    this.#stop();
  }

  #start(device: string, filter: string): number {
    let name: string;
    try {
      name = this.#cap.open(device, filter, KERNEL_BUFFER, this.#packet);
    } catch (error) {
      throw new CaptureError(
        this.path,
        0,
        `cannot be captured: ${(error as Error).message} (check the name with \`ip link\`; capturing needs root, or ` +
          '`setcap cap_net_raw+ep` on the node binary)',
      );
    }
    const linkType = CAP_LINK_TYPES[name] ?? Number(name.replace(/\D+/g, ''));
    if (!LINK_FORMS.has(linkType)) {
      this.#cap.close();
      throw new CaptureError(this.path, 0, unsupportedLinkType(linkType));
    }
    this.#cap.on('packet', (length) => this.#take(length));
    return linkType;
  }

  #take(length: number): void {
    if (this.#ended) return;
    if (this.#filling.used + length > MAX_WAITING) {
      this.lost++;
      return;
    }
    const now = this.#nowMs();
    const seconds = Math.floor(now / 1000);
    const nanos = Math.min(Math.floor((now - seconds * 1000) * 1e6), 999_999_999);
    this.#filling.push(this.#packet, length, length, seconds, nanos);
    if (--this.#packetsLeft <= 0) this.#stop();
    this.#wake?.();
  }

  #stop(): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#cap.close();
    this.#wake?.();
  }
}
