import { brotliCompressSync, constants } from 'node:zlib';
import { build } from 'esbuild';
for (const [n,p] of [['k','false']]) {
const r = await build({absWorkingDir:process.cwd(),entryPoints:['banner/loader.ts'],bundle:true,write:false,minify:true,target:'es2021',define:{PINNED:p,OWN:'false'},tsconfigRaw:{},format:'iife',charset:'utf8',legalComments:'none'});
const b=Buffer.from(r.outputFiles[0].contents);
console.log(n,b.length,brotliCompressSync(b,{params:{[constants.BROTLI_PARAM_QUALITY]:11}}).length);}
