// Sentences on tables that are full, at the target or below the highest load, and on what the engine leaves to the CPU.
import type { Device } from './device.ts';

/** Shares worth a note. */
const LEAST_UNBOUND = 0.02;
const LEAST_DRIVER = 0.01;

/** Tables that are full at the target or below the highest load. */
export function tableNotes(device: Device, unit: number, most: number, atTarget: number): string[] {
  const notes: string[] = [];
  const { connections, result } = device.traffic;
  const { engine } = device;
  const fit = engine.fit(atTarget);
  const percent = (part: number): string => `${(part * 100).toFixed(0)} %`;
  const from = Number((engine.fullTableFactor() * unit).toPrecision(3)).toLocaleString('en-US');
  if (fit < 1)
    notes.push(
      `the engine holds ${percent(fit)} of the flows at the target (full from x${from} on), the others go by the CPU`,
    );
  else if (engine.fit(most) < 1) {
    notes.push(
      `the engine's table is full from x${from} on; at the highest load it holds ${percent(engine.fit(most))} of the flows`,
    );
  }
  if (engine.unboundShare >= LEAST_UNBOUND) {
    const rate = device.profile.hardware.bindRate?.value ?? 0;
    notes.push(
      `${percent(engine.unboundShare)} of the packets meant for the engine go by software: it binds a flow after ${rate} packets in a second`,
    );
  }
  const driver = engine.driverLoad(atTarget);
  if (driver >= LEAST_DRIVER) notes.push(`the engine's driver takes ${percent(driver)} of all cores at the target`);
  if (connections * atTarget > result.conntrackLimit) {
    notes.push(`the connection table (${result.conntrackLimit}) is full at the target: new connections are dropped`);
  }
  return notes;
}
