import { describe, expect, it } from 'vitest';
import { type Json, readMessage, say } from './builders.ts';

const textOf = (text: string, metadata: Json): string =>
  readMessage(say('assistant', text, { metadata })).text;

describe('a marker with citations in the metadata', () => {
  it('of the older form becomes a link or vanishes', () => {
    const citations = [
      { start_ix: 4, end_ix: 15, metadata: { type: 'webpage', title: 'T', url: 'https://t.org' } },
    ];
    expect(textOf('text【11†source】 more【4:0†L1-L2】.', { citations })).toBe(
      'text ([T](https://t.org)) more.',
    );
  });

  it('has a number as long as those of agents', () => {
    const citations = [{ start_ix: 1, end_ix: 28, metadata: { title: 'T', url: 'https://t.org' } }];
    expect(textOf('a【446346422802141†L175-L190】b【656235997454946†screenshot】', { citations })).toBe(
      'a ([T](https://t.org))b',
    );
  });

  it('becomes the name of the file that it cites', () => {
    const citations = [
      { start_ix: 2, end_ix: 13, metadata: { type: 'file', name: 'report.pdf', title: '' } },
      {
        start_ix: 15,
        end_ix: 26,
        metadata: { type: 'file', name: 'a.pdf', title: 'A', url: 'https://a.org' },
      },
      { start_ix: 28, end_ix: 39, metadata: { name: 'b.pdf' } },
    ];
    expect(textOf('a 【11†source】 b【12†source】 c【13†source】', { citations })).toBe(
      'a  (report.pdf) b ([a.pdf](https://a.org)) c (b.pdf)',
    );
  });

  describe.each([
    ['code units', 0, 0],
    ['code points', 1, 0],
    ['code units from one', 0, 1],
    ['code points from one', 1, 1],
  ])('whose offset counts %s', (_name, perEmoji, first) => {
    const text = '😀😀 a【1†source】 b【2†source】 😀c【3†source】.';
    const citations = [...text.matchAll(/【/g)].map(({ index }, at) => {
      const emojis = text.slice(0, index).match(/😀/gu)?.length ?? 0;
      return { start_ix: index + first - perEmoji * emojis, metadata: { name: `page ${at + 1}` } };
    });

    it('becomes what it cites', () => {
      expect(textOf(text, { citations })).toBe('😀😀 a (page 1) b (page 2) 😀c (page 3).');
    });

    it('leaves the citations of the others to them', () => {
      expect(textOf(text, { citations: citations.filter((_, at) => at !== 1) })).toBe(
        '😀😀 a (page 1) b 😀c (page 3).',
      );
    });
  });

  describe('whose offset is wrong', () => {
    const cited = (start_ix: number, name: string): Json => ({ start_ix, metadata: { name } });

    it('takes the citations in their order', () => {
      const citations = [cited(200, 'B'), cited(300, 'C'), cited(100, 'A')];
      expect(textOf('a【1†x】 b【2†x】 c【3†x】', { citations })).toBe('a (A) b (B) c (C)');
    });

    it('takes none where there are not as many as markers, for it could be that of another', () => {
      expect(textOf('a【1†x】 b【2†x】', { citations: [cited(40, 'B')] })).toBe('a b');
      const more = [cited(40, 'A'), cited(50, 'B'), cited(60, 'C')];
      expect(textOf('a【1†x】 b【2†x】', { citations: more })).toBe('a b');
      const fitted = [cited(0, 'A'), cited(12, 'B or C'), cited(15, 'D'), cited(30, 'E')];
      expect(textOf('【1†a】【2†b】【3†c】【4†d】【5†e】', { citations: fitted })).toBe(' (A) (D) (E)');
    });

    it('takes what is left between its neighbours', () => {
      const citations = [cited(0, 'A'), cited(7, 'B'), cited(10, 'C'), cited(11, 'D')];
      expect(textOf('【1†a】【2†b】【3†c】【4†d】', { citations })).toBe(' (A) (B) (C) (D)');
    });

    it('takes nothing from beyond its neighbours', () => {
      const citations = [cited(0, 'A'), cited(10, 'C'), cited(30, 'D')];
      expect(textOf('【1†a】【2†b】【3†c】', { citations })).toBe(' (A) (C)');
    });
  });

  it('whose citation is invalid vanishes and leaves the others theirs', () => {
    const citations = [
      { start_ix: 101, metadata: { name: 'A' } },
      { start_ix: 102, invalid_reason: 'Invalid message index 2 in citation' },
      { start_ix: 103, metadata: { name: 'C' } },
    ];
    expect(textOf('a【1†x】 b【2†x】 c【3†x】', { citations })).toBe('a (A) b c (C)');
  });

  it('that shows pictures is no citation', () => {
    const pictures = '\ue200image_group\ue202{"query":["cat"]}\ue201';
    const citations = [{ start_ix: 99, metadata: { name: 'A' } }];
    expect(textOf(`${pictures}a\ue200filecite\ue202turn0file0\ue201`, { citations })).toBe('a (A)');
  });
});
