// The text after `typeof` in a set's declaration to JSON, as nft 1.1 lists it: the expression that it is.
import { NftError } from '../base/errors.ts';
import { type Json, jsonExpression } from './json-expression.ts';
import { parseConcat } from './parse-expression.ts';
import { Parser } from './parser.ts';
import type { PrintOptions } from './print-text.ts';
import { Sources } from './source.ts';

/** The JSON of a typeof text; of what is no expression (`queue`) the text. */
export function jsonTypeof(text: string, options: PrintOptions): Json {
  try {
    const parser = new Parser(new Sources({ path: 'typeof', text }));
    return { typeof: jsonExpression(parseConcat(parser, 'left'), options) };
  } catch (error) {
    if (!(error instanceof NftError)) throw error;
    return { typeof: text };
  }
}
