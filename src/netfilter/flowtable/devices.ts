// The devices of flowtables, as the kernel checks them when a ruleset is loaded (nft_flowtable_parse_hook and
// nft_register_flowtable_net_hooks of net/netfilter/nf_tables_api.c).
import { NftreplayError } from '../../base/errors.ts';
import type { Flowtable as FlowtableSpec, Table } from '../../bytecode/ruleset.ts';
import type { Interfaces } from '../../net/interfaces.ts';

/** The ifindex of a device. Throws when the router has none of that name. */
export function deviceIndex(spec: FlowtableSpec, name: string, interfaces: Interfaces): number {
  const device = interfaces.byName(name);
  if (device !== undefined) return device.index;
  const { location } = spec;
  const place = location === undefined ? '' : `${location.file}:${location.line}:${location.column}: `;
  throw new NftreplayError(
    'ruleset',
    `${place}flowtable "${spec.name}" names device "${name}", which the router has not`,
  );
}

/** A device belongs to one flowtable of a table. Throws where the kernel says EEXIST. */
export function refuseSharedDevices(table: Table): void {
  const owners = new Map<string, string>();
  for (const { name, devices, location } of table.flowtables) {
    for (const device of devices) {
      const owner = owners.get(device);
      if (owner !== undefined && owner !== name) {
        const place = location === undefined ? '' : `${location.file}:${location.line}:${location.column}: `;
        throw new NftreplayError(
          'ruleset',
          `${place}flowtable "${name}" names device "${device}", which is flowtable "${owner}"'s already`,
        );
      }
      owners.set(device, name);
    }
  }
}
