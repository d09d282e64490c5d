// How many ICMP messages a router sends: a bucket of tokens for each host, and one for all of them that empties by lot
// (icmp_global_allow, icmpv4_xrlim_allow of net/ipv4/icmp.c; icmpv6_xrlim_allow of net/ipv6/icmp.c; inet_peer_xrlim_allow
// of net/ipv4/inetpeer.c; ip_error and ip_rt_send_redirect of net/ipv4/route.c, which use the host's bucket too). Times are
// counted in jiffies of a kernel with 250 of them a second.
import { Random } from '../base/random.ts';
import { type Sysctl, sysctlNumber } from '../net/sysctl.ts';

const JIFFY_NS = 4e6;
const JIFFIES_A_SECOND = 250;
/** HZ / 50: how long the bucket for all stays empty at least. */
const REFILL_JIFFIES = 5;
const BURST_FACTOR = 6;
/** A host that was never told anything has been silent for this long. */
const FIRST_SILENCE = 60 * JIFFIES_A_SECOND;
/** NR_ICMP_TYPES; ICMP_DEST_UNREACH with ICMP_FRAG_NEEDED is never limited. */
const ICMP_TYPES = 18;
const DEFAULT_MASK4 = 0x1818;
const DEFAULT_MASK6 = '0-1,3-127';
/** PEER_MAX: hosts that are remembered; the oldest goes first. */
const MAX_PEERS = 1 << 16;
/** ip_rt_redirect_number, _load, _silence. */
const MAX_REDIRECTS = 9;
const REDIRECT_JIFFIES = 5;
const REDIRECT_SILENCE = REDIRECT_JIFFIES << (MAX_REDIRECTS + 1);
const SEED = 0x1c3f;

/** struct inet_peer, as far as rates go. */
interface Peer {
  tokens: number;
  last: number;
  /** n_redirects. */
  redirects: number;
  /** Tokens that may have been wanted at once, for splits of a replay. */
  asked: number;
}

/** Of a part of a replay: tokens that each host may have wanted, and most messages within any 20 ms. */
export interface IcmpUsage {
  hosts: [host: number | string, tokens: number][];
  peak: number;
}

/** Fewer tokens than any host's bucket holds (ip_rt_error_burst). */
const SHARED_TOKENS = 5;
/** A refill of the bucket for all is 20 messages, of which each takes two at most. */
const SHARED_PEAK = 9;

/** Whether no part's messages can have kept back another's: then together they are what one replay would have sent. */
export function isIndependent(parts: IcmpUsage[]): boolean {
  if (parts.reduce((sum, part) => sum + part.peak, 0) > SHARED_PEAK) return false;
  const totals = new Map<number | string, number>();
  for (const { hosts } of parts) {
    for (const [host, tokens] of hosts) {
      const total = totals.get(host);
      totals.set(host, (total ?? 0) + tokens);
      if (total !== undefined && total + tokens > SHARED_TOKENS) return false;
    }
  }
  return true;
}

/** The limits of a router. */
export class IcmpRate {
  readonly #interval4: number;
  readonly #interval6: number;
  readonly #mask4: number;
  readonly #isLimited6: (type: number) => boolean;
  readonly #perSecond: number;
  readonly #burst: number;
  readonly #random: Random;
  readonly #errorCost: number;
  readonly #errorBurst: number;
  /** By IPv4 address; IPv6 addresses as text. */
  readonly #peers = new Map<number | string, Peer>();
  #credit = 0;
  #stamp = -JIFFIES_A_SECOND;
  #window = 0;
  #inWindow = 0;
  #inLastWindow = 0;
  #peak = 0;

  constructor(sysctl: Sysctl, seed: number) {
    const jiffies = (name: string): number => Math.floor((sysctlNumber(sysctl, name, 1000) * JIFFIES_A_SECOND) / 1000);
    this.#interval4 = jiffies('net.ipv4.icmp_ratelimit');
    this.#interval6 = jiffies('net.ipv6.icmp.ratelimit');
    this.#mask4 = sysctlNumber(sysctl, 'net.ipv4.icmp_ratemask', DEFAULT_MASK4);
    this.#isLimited6 = inBitmap(String(sysctl['net.ipv6.icmp.ratemask'] ?? DEFAULT_MASK6));
    this.#perSecond = sysctlNumber(sysctl, 'net.ipv4.icmp_msgs_per_sec', 1000);
    this.#burst = sysctlNumber(sysctl, 'net.ipv4.icmp_msgs_burst', 50);
    this.#errorCost = sysctlNumber(sysctl, 'net.ipv4.route.error_cost', JIFFIES_A_SECOND);
    this.#errorBurst = sysctlNumber(sysctl, 'net.ipv4.route.error_burst', 5 * JIFFIES_A_SECOND);
    this.#random = new Random(seed ^ SEED);
  }

  /** icmpv4_mask_allow, the other way round: whether messages of this kind are counted at all. */
  isLimited4(type: number, code: number): boolean {
    if (type > ICMP_TYPES || (type === 3 && code === 4)) return false;
    return ((this.#mask4 >>> type) & 1) !== 0;
  }

  isLimited6(type: number): boolean {
    return this.#isLimited6(type);
  }

  /** icmp_global_allow. */
  allowsAny(nowNs: number): boolean {
    const now = Math.floor(nowNs / JIFFY_NS);
    this.#count(now);
    if (this.#credit > 0) return true;
    const silence = Math.min(now - this.#stamp, JIFFIES_A_SECOND);
    if (silence < REFILL_JIFFIES) return false;
    const more = Math.floor((this.#perSecond * silence) / JIFFIES_A_SECOND);
    if (more === 0) return false;
    this.#stamp = now;
    this.#credit = Math.min(this.#credit + more, this.#burst);
    return true;
  }

  /** icmpv4_xrlim_allow to a host; a message that goes takes from what is left for all. */
  allows4(host: number, nowNs: number, isLoopback: boolean): boolean {
    return this.#consume(isLoopback || this.#allowsPeer(host >>> 0, this.#interval4, nowNs));
  }

  /** icmpv6_xrlim_allow: wide prefixes get more. `length`: of the route's prefix. */
  allows6(host: Uint8Array, length: number, nowNs: number, isLoopback: boolean): boolean {
    const interval = length < 128 ? this.#interval6 >> ((128 - length) >> 5) : this.#interval6;
    return this.#consume(isLoopback || this.#allowsPeer(host.join('.'), interval, nowNs));
  }

  /** What ip6_forward and ndisc_send_redirect ask: one redirect a second to, and about, a host. */
  allowsPeer6(host: Uint8Array, nowNs: number): boolean {
    return this.#allowsPeer(host.join('.'), JIFFIES_A_SECOND, nowNs);
  }

  /** ip_error: packets of a host that lead nowhere cost before their error is even made. */
  allowsError(host: number, nowNs: number): boolean {
    const now = Math.floor(nowNs / JIFFY_NS);
    const peer = this.#peer(host >>> 0, now);
    peer.asked++;
    peer.tokens = Math.min(peer.tokens + now - peer.last, this.#errorBurst);
    peer.last = now;
    if (peer.tokens < this.#errorCost) return false;
    peer.tokens -= this.#errorCost;
    return true;
  }

  /** ip_rt_send_redirect: nine, each after twice the time of the one before, until the host was silent for 20 s. */
  allowsRedirect(host: number, nowNs: number): boolean {
    const now = Math.floor(nowNs / JIFFY_NS);
    const peer = this.#peer(host >>> 0, now);
    peer.asked += SHARED_TOKENS + 1;
    if (now > peer.last + REDIRECT_SILENCE) {
      peer.tokens = 0;
      peer.redirects = 0;
    }
    if (peer.redirects >= MAX_REDIRECTS) {
      peer.last = now;
      return false;
    }
    if (peer.redirects !== 0 && now <= peer.last + (REDIRECT_JIFFIES << peer.redirects)) return false;
    peer.last = now;
    peer.redirects++;
    return true;
  }

  /** inet_peer_xrlim_allow: one token an interval of jiffies, six at most. */
  #allowsPeer(host: number | string, interval: number, nowNs: number): boolean {
    const now = Math.floor(nowNs / JIFFY_NS);
    const peer = this.#peer(host, now);
    peer.asked++;
    const tokens = Math.min(peer.tokens + now - peer.last, BURST_FACTOR * interval);
    peer.last = now;
    peer.tokens = tokens >= interval ? tokens - interval : tokens;
    return tokens >= interval;
  }

  /** What a part of a split replay has to tell the others. */
  usage(): IcmpUsage {
    return { hosts: [...this.#peers].map(([host, peer]) => [host, peer.asked]), peak: this.#peak };
  }

  /** icmp_global_consume: none to two, by lot. */
  #consume(isAllowed: boolean): boolean {
    if (isAllowed) this.#credit -= Math.floor((this.#random.next() * 3) / 2 ** 32);
    return isAllowed;
  }

  #peer(host: number | string, now: number): Peer {
    const known = this.#peers.get(host);
    if (known !== undefined) return known;
    if (this.#peers.size >= MAX_PEERS) {
      for (const oldest of this.#peers.keys()) {
        this.#peers.delete(oldest);
        break;
      }
    }
    const peer = { tokens: 0, last: now - FIRST_SILENCE, redirects: 0, asked: 0 };
    this.#peers.set(host, peer);
    return peer;
  }

  #count(now: number): void {
    const window = Math.floor(now / REFILL_JIFFIES);
    if (window !== this.#window) {
      this.#inLastWindow = window === this.#window + 1 ? this.#inWindow : 0;
      this.#inWindow = 0;
      this.#window = window;
    }
    this.#inWindow++;
    this.#peak = Math.max(this.#peak, this.#inWindow + this.#inLastWindow);
  }
}

/** proc_do_large_bitmap: `0-1,3-127`. */
function inBitmap(text: string): (bit: number) => boolean {
  const ranges = text.split(',').map((part) => part.trim().split('-').map(Number));
  return (bit) => ranges.some(([from = NaN, to = from]) => bit >= from && bit <= to);
}
