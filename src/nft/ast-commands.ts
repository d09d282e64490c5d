// The commands of a ruleset file and the blocks that they carry, as parsed: nothing is looked up yet.
import type { ObjectType } from '../bytecode/expression.ts';
import type { Family, StatefulObject } from '../bytecode/ruleset.ts';
import type { Expr, HookSpec, PrioritySpec, RuleNode, Span, Stmt } from './ast.ts';

/** A name with its place. */
export interface Name {
  text: string;
  span: Span;
}

export interface ChainBlock {
  name: Name;
  hook?: HookSpec;
  policy?: Expr;
  devices?: Expr;
  offload: boolean;
  /** Its hook line could not be read. */
  brokenHook?: true;
  comment?: string;
  rules: RuleNode[];
  span: Span;
}

export type SetFlag = 'constant' | 'interval' | 'timeout' | 'dynamic';

/** `type …` or `typeof …`: the fields as expressions that carry datatype and length, and the text after `typeof`. */
export interface TypeSpec {
  expr: Expr;
  typeofText?: string;
  /** `interval` before a map's data type. */
  interval?: boolean;
}

export interface SetBlock {
  name: Name;
  isMap: boolean;
  key?: TypeSpec;
  data?: TypeSpec;
  objectType?: ObjectType;
  flags: SetFlag[];
  timeoutMs?: number;
  gcIntervalMs?: number;
  size?: number;
  policy?: 'performance' | 'memory';
  autoMerge: boolean;
  comment?: string;
  statements: Stmt[];
  elements?: Expr;
  span: Span;
}

/** Parsed like the kernel's object, but handles come later. */
export type ObjectBlock = {
  name: Name;
  comment?: string;
  span: Span;
  states?: { name: Name; seconds: number }[];
} & ObjectBody;
/** Distributes over the kinds of object. */
type BodyOf<T> = T extends unknown ? Omit<T, 'name' | 'handle' | 'comment' | 'location'> : never;
export type ObjectBody = BodyOf<StatefulObject>;

export interface FlowtableBlock {
  name: Name;
  hook?: Name;
  priority?: PrioritySpec;
  devices?: Expr;
  offload: boolean;
  counter: boolean;
  span: Span;
}

export interface TableBlock {
  flags: string[];
  comment?: string;
  chains: ChainBlock[];
  sets: SetBlock[];
  objects: ObjectBlock[];
  flowtables: FlowtableBlock[];
}

export type CommandOp =
  | 'add'
  | 'create'
  | 'insert'
  | 'replace'
  | 'delete'
  | 'destroy'
  | 'flush'
  | 'rename'
  /** list, get, reset, monitor, …: nothing that changes a fresh ruleset; ignored with a note. */
  | 'ignored';

/** What `list`, `get` and `reset` name. */
export type Shown = 'table' | 'chain' | 'set' | 'flowtable' | 'object';

/** Where a command points: table and what lies in it, by name or handle. */
export interface Target {
  family: Family;
  table?: Name;
  name?: Name;
  handle?: { number: number; span: Span };
}

export type Command = { op: CommandOp; target: Target; span: Span } & (
  | { object: 'table'; block?: TableBlock }
  | { object: 'chain'; block?: ChainBlock; newName?: Name }
  | {
      object: 'rule';
      rule?: RuleNode;
      position?: { number: number; span: Span };
      index?: { number: number; span: Span };
    }
  | { object: 'set'; block?: SetBlock; isMap: boolean }
  | { object: 'element'; elements: Expr }
  | { object: 'flowtable'; block?: FlowtableBlock }
  | { object: 'object'; objectType: ObjectType; block?: ObjectBlock }
  | { object: 'ruleset'; anyFamily: boolean }
  /** `what` the target names, when it must exist. */
  | { object: 'none'; text: string; what?: Shown }
);
