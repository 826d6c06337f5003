import { readFile } from 'node:fs/promises';
import { DockerfileParser, type Instruction } from 'dockerfile-ast';

export interface Step {
  keyword: string;
  /** Without the keyword, as it stands there, continuation lines made one. */
  text: string;
  /** The words of an instruction in the form of a JSON list; null for any other. */
  words: string[] | null;
}

/** The Dockerfile's stages, each as its instructions, the first being FROM. */
export async function readStages(): Promise<Step[][]> {
  const dockerfile = DockerfileParser.parse(await readFile('Dockerfile', 'utf8'));
  const stages: Step[][] = [];
  for (const instruction of dockerfile.getInstructions()) {
    const step = stepOf(instruction);
    if (step.keyword === 'FROM') stages.push([]);
    stages.at(-1)?.push(step);
  }
  return stages;
}

/** The last instruction of a keyword in a stage, which is the one that counts. */
export function lastOf(stage: Step[] | undefined, keyword: string): Step {
  const step = stage?.findLast((each) => each.keyword === keyword);
  if (!step) throw new Error(`The stage has no ${keyword}`);
  return step;
}

/** What ENV of a stage sets. */
export function environmentOf(stage: Step[]): Record<string, string> {
  const pairs = stage.filter(({ keyword }) => keyword === 'ENV').flatMap(({ text }) => text.split(/\s+/));
  return Object.fromEntries(pairs.map((pair) => pair.split('=') as [string, string]));
}

function stepOf(instruction: Instruction): Step {
  const keyword = instruction.getKeyword();
  // The library tells flags and arguments apart, which this does not.
  const whole = instruction.getTextContent().replaceAll(/\\\r?\n\s*/g, ' ');
  const text = whole.slice(keyword.length).trim();
  const list = /\[.*\]$/s.exec(text)?.[0];
  return { keyword, text, words: wordsOf(list) };
}

function wordsOf(list: string | undefined): string[] | null {
  try {
    return list ? (JSON.parse(list) as string[]) : null;
  } catch {
    return null;
  }
}
