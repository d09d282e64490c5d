// Wrong usage in one line: what is wrong and what was probably meant, instead of yargs' own messages and pages of help.
// And what yargs gets wrong: a lone `-` (standard input) among files, which it drops.
import { nearest } from '../nft/suggest.ts';

const COMMANDS = ['run', 'profiles', 'completion'];
/** What stands for `-` while yargs looks at the arguments. */
const DASH = 'dash:-';

/** The arguments as yargs takes them without losing any: `-`, and files after `--` whose names begin with a dash. */
export function forYargs(args: string[]): string[] {
  const end = args.indexOf('--');
  return args.map((text, index) => {
    if (text === '-') return DASH;
    return end >= 0 && index > end && text.startsWith('-') ? `./${text}` : text;
  });
}

/** A path as the user gave it. */
export function asGiven(path: string): string {
  return path === DASH ? '-' : path;
}

/** One line for a message of yargs; `args` are the user's, `options` the names of all options. */
export function usageLine(message: string, args: string[], options: string[]): string {
  const command = COMMANDS.find((name) => args.includes(name));
  const help = `nftreplay ${command === undefined ? '' : `${command} `}--help shows how`;
  return `${clearer(message, args, options)} (${help})`;
}

function clearer(message: string, args: string[], options: string[]): string {
  const unknown = /^Unknown (?:argument|command)s?: ([^,\s]+)/.exec(message)?.[1];
  if (unknown !== undefined) return unknownName(unknown, args, options);
  if (/^Not enough non-option arguments/.test(message)) return 'name a ruleset and at least one capture';
  const lonely = /^(?:Not enough arguments following|Missing argument value): ([^,\s]+)/.exec(message)?.[1];
  if (lonely !== undefined) return `${dashed(lonely)} needs a value`;
  const choice = /Argument: (\S+), Given: (.*?), Choices: (.*)$/s.exec(message);
  if (choice !== null) return `${dashed(choice[1] ?? '')}: ${choice[2]} is none of ${choice[3]}`;
  return message.replace(/\s+/g, ' ').trim();
}

function unknownName(name: string, args: string[], options: string[]): string {
  const typed = args.find((text) => text.replace(/^-+/, '').split('=')[0] === name && text.startsWith('-'));
  if (typed === undefined) {
    const meant = nearest(name, COMMANDS);
    return `there is no command "${name}"${meant === undefined ? ` (there are ${COMMANDS.join(', ')})` : `; did you mean "${meant}"?`}`;
  }
  const meant = nearest(name, options);
  return `there is no option ${typed.split('=')[0]}${meant === undefined ? '' : `; did you mean --${meant}?`}`;
}

function dashed(name: string): string {
  return name.length === 1 ? `-${name}` : `--${name}`;
}
