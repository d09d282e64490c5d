// Interrupts and polls: what a packet costs falls with the load, because one interrupt and one NAPI poll serve all packets
// that came meanwhile. A processor that is idle is woken after `interruptDelay`, works until its ring is empty, sleeps.
// In that busy period it takes (1 + rate * (delay + interrupt)) / (1 - rho) packets (queue with a set-up time, gated by
// the ring), at most what a poll may bring. Fitted to one machine at four loads, see docs/ACCURACY.md.
import type { Profile } from './profile.ts';
import { clockHz } from './profile.ts';

/** Packets that share one interrupt at `rate` packets/s on one processor; `cycles` of a packet are without interrupts. */
export function packetsPerPoll(profile: Profile, rate: number, cycles: number): number {
  const most = Math.max(1, profile.packetsPerPoll.value);
  const hz = clockHz(profile);
  const busy = (rate * cycles) / hz;
  if (busy >= 1) return most;
  const wake = profile.interruptDelay.value * 1e-6 + profile.interruptCycles.value / hz;
  return Math.min(most, Math.max(1, (1 + rate * wake) / (1 - busy)));
}

/** Cycles of a packet at `rate` packets/s on one processor, its share of the interrupt included. */
export function cyclesAtRate(profile: Profile, rate: number, cycles: number): number {
  return cycles + profile.interruptCycles.value / packetsPerPoll(profile, rate, cycles);
}

/** Part of one processor's time at `rate` packets/s, 0 … 1. Concave in the rate. */
export function busyShare(profile: Profile, rate: number, cycles: number): number {
  return Math.min(1, (rate * cyclesAtRate(profile, rate, cycles)) / clockHz(profile));
}

/** An interrupt's share in a packet when the processor is full. */
export function interruptShare(profile: Profile): number {
  return profile.interruptCycles.value / Math.max(1, profile.packetsPerPoll.value);
}

/** Packets/s at which one processor is full. */
export function fullRate(profile: Profile, cycles: number): number {
  return clockHz(profile) / Math.max(1e-9, cycles + interruptShare(profile));
}

/** Cycles of a packet on a processor that is busy for a part of its time below 1: interrupts are shared by fewer packets. */
export function cyclesAtBusy(profile: Profile, cycles: number, busy: number): number {
  let low = 0;
  let high = fullRate(profile, cycles);
  for (let step = 0; step < 40; step++) {
    const middle = (low + high) / 2;
    if (busyShare(profile, middle, cycles) < busy) low = middle;
    else high = middle;
  }
  return cyclesAtRate(profile, high, cycles);
}
