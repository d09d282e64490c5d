// A suite as the YAML that people read and edit: settings, then cases; an expectation on one line where it fits.
import { yaml } from '../base/on-demand.ts';
import { DEFAULT_NEIGHBOUR_MAC } from '../config/router-file.ts';
import type { RouterSpec } from '../net/spec.ts';
import type { SuiteInput } from './schema.ts';

/** Longest expectation that stands on one line. */
const MAX_FLOW_WIDTH = 96;

/** The file's text; `comment` lines stand on top. */
export function suiteText(suite: SuiteInput, comment: readonly string[]): string {
  const { Document, isMap, isScalar, visit } = yaml();
  const document = new Document(suite, { aliasDuplicateObjects: false });
  document.commentBefore = comment.map((line) => ` ${line}`).join('\n');
  visit(document, {
    Map: (_key, node, path) => {
      const parent = path[path.length - 1] as { key?: unknown } | undefined;
      const name = isScalar(parent?.key) ? String(parent.key.value) : '';
      // Short mappings below these keys read best on one line.
      const isShort = JSON.stringify(node.toJSON()).length < MAX_FLOW_WIDTH;
      if (isShort && (name === 'expect' || path.some((row) => isMap(row) && row.flow === true))) node.flow = true;
      if (isShort && ['nat', 'out', 'reasons', 'verdict', 'frame', 'decided', 'rules'].includes(name)) node.flow = true;
    },
  });
  const text = document.toString({ lineWidth: 0, flowCollectionPadding: true });
  return text.replace(/\n( {2}- name: )/g, '\n\n$1').replace('cases:\n\n', 'cases:\n');
}

/** A router as a router file has it. */
export function routerInput(spec: RouterSpec): Record<string, unknown> {
  const neighbours = [...spec.neighbours, ...(spec.silentNeighbours ?? []).map((row) => ({ ...row, state: 'failed' }))];
  return {
    interfaces: spec.interfaces
      .filter((row) => row.type !== 'loopback')
      .map((row) => ({
        name: row.name,
        mac: row.mac,
        ...(row.type === 'physical' ? {} : { type: row.type }),
        ...(row.link === undefined ? {} : { link: row.link }),
        ...(row.id === undefined ? {} : { id: row.id }),
        ...(row.protocol === 0x88a8 ? { protocol: '802.1ad' } : {}),
        ...(row.ports === undefined ? {} : { ports: row.ports }),
        ...(row.addresses.length === 0 ? {} : { addresses: row.addresses }),
        ...(row.mtu === 1500 ? {} : { mtu: row.mtu }),
        ...(row.linkLocal ? { linkLocal: true } : {}),
      })),
    routes: spec.routes.map(({ type, ...row }) => (type === 'unicast' ? row : { ...row, type })),
    ...(neighbours.length === 0 ? {} : { neighbours }),
    ...(Object.keys(spec.sysctl).length === 0 ? {} : { sysctl: spec.sysctl }),
    ...(spec.defaultNeighbourMac === DEFAULT_NEIGHBOUR_MAC ? {} : { defaultNeighbourMac: spec.defaultNeighbourMac }),
  };
}
