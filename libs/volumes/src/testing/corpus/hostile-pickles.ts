import { ascii, dict, objectScalar, unicode } from '../pickle-builder.ts';
import { casesOf, withPickle } from './hostile-case.ts';
import type { HostileRow, HostileSource } from './hostile-case.ts';

/** Pickles that call, or get hold of, what NumPy's arrays do not need. None of them was ever loaded here. */

const short = (text: string) => `\x8c${String.fromCharCode(text.length)}${text}`;
const refused = (name: string, source: HostileSource, pickle: Buffer): HostileRow => [
  name,
  source,
  'pickle_unsupported',
  () => withPickle(pickle),
];

/** `module.name('id')`, as GLOBAL of protocol 2 writes it. */
function callByGlobal(module: string, name: string): Buffer {
  return ascii(`\x80\x02c${module}\n${name}\nX\x02\0\0\0id\x85R.`);
}

/** The same as STACK_GLOBAL of protocol 4 writes it. */
function callByStackGlobal(module: string, name: string): Buffer {
  return ascii(`\x80\x04${short(module)}${short(name)}\x93${short('id')}\x85R.`);
}

/** As the value of a prompt, deep inside of an array that is otherwise good. */
function asPrompt(opcodes: string): Buffer {
  return objectScalar(dict([unicode('1'), ascii(opcodes)]));
}

/** Where it comes from, module, name. */
export const hostileGlobals: readonly (readonly [HostileSource, string, string])[] = [
  ['CVE-2019-6446', 'os', 'system'],
  ['CVE-2019-6446', 'posix', 'system'],
  ['CVE-2019-6446', 'nt', 'system'],
  ['CVE-2019-6446', 'subprocess', 'Popen'],
  ['CVE-2019-6446', '__builtin__', 'eval'],
  ['CVE-2019-6446', 'builtins', 'exec'],
  ['CVE-2019-6446', 'builtins', 'getattr'],
  ['CVE-2025-1716', 'pip', 'main'],
  ['CVE-2025-1716', 'pip._internal.cli.main', 'main'],
  ['CVE-2025-10157', 'asyncio.unix_events', '_UnixSubprocessTransport._start'],
  ['CVE-2026-56315', 'uuid', '_get_command_stdout'],
  ['CVE-2026-56315', 'imaplib', 'IMAP4_stream'],
  ['CVE-2026-56315', '_osx_support', '_read_output'],
  ['CVE-2026-56315', '_aix_support', '_read_cmd_output'],
  ['CVE-2026-56315', '_pyrepl.pager', 'pipe_pager'],
  ['GHSA-vvpj-8cmc-gx39', 'pkgutil', 'resolve_name'],
  ['GHSA-g38g-8gr9-h9xp, GHSA-7wx9-6375-f5wh', 'profile', 'run'],
  ['GHSA-g38g-8gr9-h9xp, GHSA-7wx9-6375-f5wh', 'timeit', 'timeit'],
  ['picklescan#66', 'importlib', 'import_module'],
  ['picklescan#66', 'operator', 'attrgetter'],
  ['picklescan#66', 'importlib.util', 'find_spec'],
  ['CVE-2026-14535', 'shelve', 'open'],
  ['CVE-2026-14535', 'ctypes', 'CDLL'],
  ['CVE-2025-32434', 'torch._utils', '_rebuild_tensor_v2'],
  ['CVE-2025-32434', 'torch.storage', '_load_from_bytes'],
  ['CVE-2025-32434', 'collections', 'OrderedDict'],
  ['modelscan#89', 'numpy', 'load'],
  ['modelscan#89', 'numpy', 'fromfile'],
  ['modelscan#89', 'numpy', 'ndarray.os.system'],
  ['modelscan#89', 'numpy', 'prod.os.system'],
  ['modelscan#89', 'numpy', 'core._internal.sys.modules'],
  ['modelscan#89', 'numpy.core.multiarray', 'fromstring'],
  ['modelscan#89', 'numpy.testing._private.utils', 'runstring'],
  ['modelscan#330', 'numpy', '__builtins__'],
  ['modelscan#330', 'numpy', 'size'],
];

const q = '\x94'; // MEMOIZE
const numpyProd = `${short('numpy')}${short('prod')}\x93`;
const EMPTY = '\x80\x04';

export const hostileCalls = casesOf([
  ...hostileGlobals.flatMap(([source, module, name]) => [
    refused(`${module} ${name} by GLOBAL`, source, callByGlobal(module, name)),
    refused(`${module} ${name} by STACK_GLOBAL`, source, callByStackGlobal(module, name)),
  ]),
  refused('os.system, protocol 3', 'CVE-2019-6446', ascii('\x80\x03cos\nsystem\nX\x02\0\0\0id\x85R.')),
  refused('os.system, protocol 0', 'CVE-2019-6446', ascii("cos\nsystem\n(S'id'\ntR.")),
  refused('os.system as a prompt', 'CVE-2019-6446', asPrompt('cos\nsystem\nX\x02\0\0\0id\x85R')),
  refused(
    'os.system whose result is thrown away',
    'CVE-2026-14535',
    asPrompt('cos\nsystem\nX\x02\0\0\0id\x85R0X\x01\0\0\0a'),
  ),
  refused('a name that is only named', 'CVE-2019-6446', asPrompt('cos\nsystem\n')),
  refused('a name that is split elsewhere', 'modelscan#89', ascii(`${EMPTY}${short('numpy dtype')}${short('')}\x93.`)),
  refused('a name with a trailing NUL', 'modelscan#89', ascii(`${EMPTY}${short('numpy')}${short('dtype\0')}\x93.`)),
  refused('a name in bytes', 'modelscan#85', ascii(`${EMPTY}C\x05numpyC\x05dtype\x93.`)),
  refused('a number as name', 'modelscan#85', ascii(`${EMPTY}${short('numpy')}K\x01\x93.`)),
  refused(
    'a name from the memo, put under a fake one',
    'modelscan#85',
    ascii(
      `${EMPTY}${short('os')}${q}${short('system')}${q}${short('numpy')}${short('dtype')}00h\0h\x01\x93${short('id')}\x85R.`,
    ),
  ),
  refused(
    'attributes of numpy.prod set by BUILD',
    'modelscan#85',
    ascii(`${EMPTY}${numpyProd}N}${short('a')}${short('os')}s\x86b.`),
  ),
  refused(
    'attributes of an allowed name set by BUILD',
    'modelscan#85',
    ascii(`${EMPTY}${short('numpy')}${short('ndarray')}\x93N}${short('a')}${short('os')}s\x86b.`),
  ),
  refused(
    'numpy.size, shape replaced by __builtins__',
    'modelscan#330',
    Buffer.from(
      '80049566000000000000008c056e756d70798c0473697a659394948c056e756d70798c0c5f5f6275696c74696e735f5f939494' +
        '68017d7d8c0573686170656803738662680168018c046576616c86528c1d5f5f696d706f72745f5f28226f7322292e7379737465' +
        '6d28226964222985522e',
      'hex',
    ),
  ),
  refused('an ndarray that is called', 'CVE-2025-32434', asPrompt('cnumpy\nndarray\nK\x09\x85R')),
  refused('an ndarray of 2^62 items', 'CVE-2025-32434', asPrompt('cnumpy\nndarray\n\x8a\x08\0\0\0\0\0\0\0\x40\x85R')),
  refused(
    '_reconstruct of a dtype',
    'CVE-2025-32434',
    asPrompt('cnumpy.core.multiarray\n_reconstruct\ncnumpy\ndtype\nK\0\x85C\x01b\x87R'),
  ),
  refused(
    '_reconstruct of a shape',
    'CVE-2025-32434',
    asPrompt('cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nJ\xff\xff\xff\x7f\x85C\x01b\x87R'),
  ),
  refused(
    'scalar of objects',
    'CVE-2025-32434',
    asPrompt(
      'cnumpy.core.multiarray\nscalar\ncnumpy\ndtype\nX\x02\0\0\0O8\x89\x88\x87R(K\x03X\x01\0\0\0|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK?tbC\x08AAAAAAAA\x86R',
    ),
  ),
  refused(
    'scalar of a raw type',
    'CVE-2025-32434',
    asPrompt('cnumpy.core.multiarray\nscalar\ncnumpy\ndtype\nX\x02\0\0\0V8\x89\x88\x87RC\x08AAAAAAAA\x86R'),
  ),
  refused('a dtype of fields', 'CVE-2025-32434', asPrompt('cnumpy\ndtype\nX\x04\0\0\0O,i8\x89\x88\x87R')),
  refused('another codec', 'CVE-2025-32434', asPrompt('c_codecs\nencode\nX\x01\0\0\0aX\x03\0\0\0zip\x86R')),
  refused(
    'an error handler of a codec',
    'CVE-2025-32434',
    asPrompt('c_codecs\nencode\nX\x01\0\0\0aX\x06\0\0\0latin1X\x06\0\0\0ignore\x87R'),
  ),
]);
