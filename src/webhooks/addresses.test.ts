import { createJudge, isPublic } from './addresses.ts';

describe('an address', () => {
  it.each([
    ...['0.0.0.0', '10.0.0.1', '10.255.255.255', '100.64.0.1', '127.0.0.1', '127.8.9.10', '169.254.169.254'],
    ...['172.16.0.1', '172.31.255.255', '192.0.0.8', '192.0.2.1', '192.168.1.1', '198.18.0.1', '198.51.100.1'],
    ...['203.0.113.1', '224.0.0.1', '239.1.1.1', '240.0.0.1', '255.255.255.255'],
    ...[
      '::',
      '::1',
      'fe80::1',
      'fec0::1',
      'fc00::1',
      'fd00:ec2::254',
      'ff02::1',
      '2001:db8::1',
      '2001::1',
      '2002:7f00:1::',
    ],
    ...[
      '::ffff:127.0.0.1',
      '::ffff:8.8.8.8',
      '::127.0.0.1',
      '64:ff9b::7f00:1',
      '64:ff9b:1::a00:1',
      '100::1',
      '3fff::1',
    ],
    ...['', 'localhost', '127.1', '8.8.8.8.', 'fe80::1%eth0'],
  ])('%s is not of the internet', (address) => {
    expect(isPublic(address)).toBe(false);
  });

  it.each([
    ...['1.1.1.1', '8.8.8.8', '9.255.255.255', '11.0.0.0', '100.63.255.255', '100.128.0.0', '126.255.255.255'],
    ...['128.0.0.0', '172.15.255.255', '172.32.0.0', '192.167.255.255', '223.255.255.255'],
    ...['2606:4700:4700::1111', '2a00:1450:4001::1', '2001:4860:4860::8888'],
  ])('%s is of the internet', (address) => {
    expect(isPublic(address)).toBe(true);
  });

  it('is allowed where it is in a network that is, also where it is written as one of IPv6', () => {
    const isAllowed = createJudge([
      { address: '10.1.2.0', bits: 24 },
      { address: 'fd00:1::', bits: 64 },
    ]);

    expect(['10.1.2.3', '::ffff:10.1.2.3', 'fd00:1::7'].map(isAllowed)).toEqual([true, true, true]);
    expect(['10.1.3.3', '8.8.8.8', '::1', 'fd00:2::7'].map(isAllowed)).toEqual([false, false, false, false]);
    expect(createJudge([])('127.0.0.1')).toBe(false);
  });
});
