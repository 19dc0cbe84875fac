//! token-tally: logs how many output tokens each worker has passed on, every hundred exchanges.
//!
//! No crate and no generated binding: of the contract's tables only the part up to the last member
//! that is used is declared. That is allowed, because tables only ever grow at their end, and each
//! says its own size. `catch_unwind` keeps panics inside, as the contract wants it.

use std::ffi::{c_char, c_void};
use std::panic::catch_unwind;
use std::sync::OnceLock;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct GwStr {
    ptr: *const c_char,
    len: usize,
}

#[repr(C)]
pub struct GwValue {
    kind: i32,
    reserved: u32,
    i: i64,
    real: f64,
    text: GwStr,
}

#[repr(C)]
pub struct GwInstance {
    size: u32,
    workers: u32,
    generation: u64,
    name: GwStr,
    config: GwStr,
    user: *mut c_void,
}

#[repr(C)]
pub struct GwWorker {
    size: u32,
    index: u32,
    instance: *mut GwInstance,
    background: *mut GwRequest,
    user: *mut c_void,
}

#[repr(C)]
pub struct GwRequest {
    size: u32,
    flags: u32,
    id: u64,
    worker: *mut GwWorker,
    user: *mut c_void,
}

/// gw_host up to `attr_get`.
#[repr(C)]
pub struct GwHost {
    size: u32,
    abi_minor: u32,
    name: *const c_char,
    version: *const c_char,
    query: *const c_void,
    log: extern "C" fn(*const GwInstance, *const GwRequest, i32, GwStr),
    log_enabled: extern "C" fn(*const GwInstance, i32) -> i32,
    clock: *const c_void,
    random: *const c_void,
    config: *const c_void,
    secret: *const c_void,
    attr: extern "C" fn(*const c_char) -> u32,
    attr_get: extern "C" fn(*mut GwRequest, u32, *mut GwValue) -> i32,
}

/// gw_plugin up to `on_complete`.
#[repr(C)]
pub struct GwPlugin {
    magic: u32,
    size: u32,
    abi_minor: u32,
    flags: u32,
    id: *const c_char,
    version: *const c_char,
    summary: *const c_char,
    config_schema: *const c_char,
    create: extern "C" fn(*mut GwInstance) -> i32,
    destroy: Option<extern "C" fn(*mut GwInstance)>,
    worker_start: Option<extern "C" fn(*mut GwWorker) -> i32>,
    worker_stop: Option<extern "C" fn(*mut GwWorker)>,
    on_request: Option<extern "C" fn(*mut GwRequest) -> i32>,
    on_body: Option<extern "C" fn(*mut GwRequest) -> i32>,
    on_select: Option<extern "C" fn(*mut GwRequest) -> i32>,
    on_attempt: Option<extern "C" fn(*mut GwRequest, *const c_void) -> i32>,
    on_response: Option<extern "C" fn(*mut GwRequest) -> i32>,
    on_chunk: Option<extern "C" fn(*mut GwRequest, *const c_void) -> i32>,
    on_complete: Option<extern "C" fn(*mut GwRequest, *const c_void)>,
}

// Constant tables of functions and literals; the host's lives as long as the process.
unsafe impl Sync for GwPlugin {}
unsafe impl Sync for GwHost {}

const GW_OK: i32 = 0;
const GW_CONTINUE: i32 = 0;
const GW_E_INTERNAL: i32 = -10;
const GW_LOG_INFO: i32 = 2;
const GW_INT: i32 = 2;

struct Module {
    host: &'static GwHost,
    output_tokens: u32,
}

/// Written once by the entry point, before anything else.
static MODULE: OnceLock<Module> = OnceLock::new();

/// Of one worker: one thread at a time, no lock.
#[derive(Default)]
struct Tally {
    exchanges: u64,
    tokens: i64,
}

extern "C" fn create(_: *mut GwInstance) -> i32 {
    GW_OK
}

extern "C" fn worker_start(worker: *mut GwWorker) -> i32 {
    catch_unwind(|| unsafe {
        (*worker).user = Box::into_raw(Box::<Tally>::default()).cast();
        GW_OK
    })
    .unwrap_or(GW_E_INTERNAL)
}

extern "C" fn worker_stop(worker: *mut GwWorker) {
    let _ = catch_unwind(|| unsafe { drop(Box::from_raw((*worker).user.cast::<Tally>())) });
}

/// The contract ends only those exchanges for a plugin in which another hook of it was entered.
extern "C" fn on_request(_: *mut GwRequest) -> i32 {
    GW_CONTINUE
}

extern "C" fn on_complete(request: *mut GwRequest, _: *const c_void) {
    let _ = catch_unwind(|| unsafe {
        let Some(module) = MODULE.get() else { return };
        let worker = (*request).worker;
        let tally = &mut *(*worker).user.cast::<Tally>();
        let mut value: GwValue = std::mem::zeroed();
        if (module.host.attr_get)(request, module.output_tokens, &mut value) == GW_OK && value.kind == GW_INT {
            tally.tokens += value.i;
        }
        tally.exchanges += 1;
        if tally.exchanges % 100 == 0 {
            let text = format!("{} exchanges, {} output tokens", tally.exchanges, tally.tokens);
            let view = GwStr { ptr: text.as_ptr().cast(), len: text.len() };
            (module.host.log)((*worker).instance, request, GW_LOG_INFO, view);
        }
    });
}

static PLUGIN: GwPlugin = GwPlugin {
    magic: 0x3150_5747,
    size: std::mem::size_of::<GwPlugin>() as u32,
    abi_minor: 0,
    flags: 0,
    id: c"com.example.token-tally".as_ptr(),
    version: c"1.0.0".as_ptr(),
    summary: c"Logs output tokens per worker".as_ptr(),
    config_schema: std::ptr::null(),
    create,
    destroy: None,
    worker_start: Some(worker_start),
    worker_stop: Some(worker_stop),
    on_request: Some(on_request),
    on_body: None,
    on_select: None,
    on_attempt: None,
    on_response: None,
    on_chunk: None,
    on_complete: Some(on_complete),
};

/// # Safety
/// Called once by the host with its table, which lives as long as the process.
#[no_mangle]
pub unsafe extern "C" fn gw_plugin_entry_v1(host: *const GwHost) -> *const GwPlugin {
    if ((*host).size as usize) < std::mem::size_of::<GwHost>() {
        return std::ptr::null();
    }
    let host = &*host;
    let output_tokens = (host.attr)(c"gw.tokens.output".as_ptr());
    MODULE.get_or_init(|| Module { host, output_tokens });
    &PLUGIN
}
