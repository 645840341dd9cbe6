import { afterEach, describe, expect, test, vi } from 'vitest';
import { readState, type Editions } from './state.ts';

const edition = 'a1b2c3d4e5f60718';
const today = 20_780;
const now = today * 864e5 + 36e5;
const read = (value: string, name = '__Host-kelisim-state', editions: Editions = [edition], at = now) =>
  readState(`a=b; ${name}=${value}; c=d`, editions, at);
const served = (protocol: string) => vi.stubGlobal('location', { protocol });

served('https:');
afterEach(() => served('https:'));

describe('readState', () => {
  test('reads a consent', () => {
    expect(read(`1.${edition}.analytics+third_party.peg.${today + 90}.1.g`)).toEqual({
      status: 'granted',
      raw: `1.${edition}.analytics+third_party.peg.${today + 90}.1.g`,
      edition,
      purposes: ['analytics', 'third_party'],
      caps: 'peg',
      expires: (today + 90) * 864e5,
      gpc: true,
    });
  });

  test.each([
    ['r', 'refused'],
    ['w', 'withdrawn'],
  ])('reads %s as %s', (letter, status) => {
    const state = read(`1.${edition}...${today + 180}.0.${letter}`);
    expect(state).toMatchObject({ status, purposes: [], caps: '', gpc: false });
  });

  // By the mode and by how the page came, the one name that counts.
  const names = ['kelisim-state', '__Host-kelisim-state', '__Secure-kelisim-state', '__Host-own-kelisim-state'];
  test.each([
    ['path', undefined, 'https:', '__Host-kelisim-state'],
    ['subdomain', '__Secure-', 'https:', '__Secure-kelisim-state'],
    ['cross-origin', '__Host-own-', 'https:', '__Host-own-kelisim-state'],
    ['path', undefined, 'http:', 'kelisim-state'],
    ['subdomain', '__Secure-', 'http:', 'kelisim-state'],
    ['cross-origin', '__Host-own-', 'http:', 'kelisim-state'],
  ])('in mode %s (%s) on %s the cookie %s counts alone', (_, m, protocol, name) => {
    served(protocol);
    const editions: Editions = m ? Object.assign([edition], { m }) : [edition];
    const value = `1.${edition}...${today + 1}.0.r`;
    expect(names.filter((other) => read(value, other, editions).status === 'refused')).toEqual([name]);
    const weaker = names.filter((other) => other !== name).map((other) => `${other}=1.${edition}.a.p.${today + 1}.0.g`);
    expect(readState([...weaker, `${name}=${value}`].join('; '), editions, now).status).toBe('refused');
    expect(readState(weaker.join('; '), editions, now).status).toBe('undecided');
  });

  test('the first and the last cookie of a header are read', () => {
    const value = `__Host-kelisim-state=1.${edition}...${today + 1}.0.r`;
    for (const cookies of [value, `${value}; a=b`, `a=b; ${value}`]) expect(readState(cookies, [edition], now).status).toBe('refused');
  });

  test('a consent to an older edition that still holds counts', () => {
    expect(read(`1.${edition}.analytics.p.${today + 1}.0.g`, undefined, ['ffffffffffffffff', edition]).status).toBe('granted');
  });

  test('it counts until the last moment of its term', () => {
    const value = `1.${edition}.analytics.p.${today + 1}.0.g`;
    expect(read(value, undefined, [edition], (today + 1) * 864e5 - 1).status).toBe('granted');
    expect(read(value, undefined, [edition], (today + 1) * 864e5).status).toBe('undecided');
  });

  test.each([
    ['nothing', ''],
    ['an edition that no longer holds', `1.ffffffffffffffff.analytics.p.${today + 90}.0.g`],
    ['another version', `2.${edition}.analytics.p.${today + 90}.0.g`],
    ['an unknown state', `1.${edition}.analytics.p.${today + 90}.0.x`],
    ['a short edition', `1.a1b2.analytics.p.${today + 90}.0.g`],
    ['no expiry', `1.${edition}.analytics.p..0.g`],
    ['something behind it', `1.${edition}.analytics.p.${today + 90}.0.g.more`],
    ['markup', `1.${edition}.<b>.p.${today + 90}.0.g`],
  ])('%s is undecided', (_, value) => {
    expect(read(value)).toEqual({ status: 'undecided', raw: '', purposes: [], caps: '' });
  });

  test.each(['r', 'w'])('a refusal or withdrawal (%s) of an edition that no longer holds asks again', (letter) => {
    const value = `1.ffffffffffffffff...${today + 90}.0.${letter}`;
    expect(read(value).status).toBe('undecided');
    expect(read(value, undefined, [edition, 'ffffffffffffffff']).status).not.toBe('undecided');
  });

  test('a refusal ends as a consent does', () => {
    const value = `1.${edition}...${today}.0.r`;
    expect(read(value, undefined, [edition], today * 864e5 - 1).status).toBe('refused');
    expect(read(value, undefined, [edition], today * 864e5).status).toBe('undecided');
  });

  test('a site whose editions are not known is never decided', () => {
    expect(read(`1.${edition}.analytics.p.${today + 90}.0.g`, undefined, []).status).toBe('undecided');
  });

  test('another cookie that ends in our name is not ours', () => {
    expect(read(`1.${edition}.analytics.p.${today + 90}.0.g`, 'x-kelisim-state').status).toBe('undecided');
  });
});
