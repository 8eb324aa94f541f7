// A driver library for machines without a GPU: the calls that we make, with host memory as the device's.
//
// It keeps a record of every call and of every launch with its arguments, and runs launched kernels, compiled for the
// CPU, at once. Calls that allocate or wait are there to be counted. FAKE_DRIVER_FAIL=call=code makes a call fail;
// FAKE_DRIVER_VERSION is what the driver says it is.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>

// One row per kernel, which the tests write from the catalog: parameters as one letter each (P pointer, Q u64, I u32,
// i i32, f float), and the kernel as `RUNNER_EXPORT` makes it. The last row has no name.
struct Entry {
    const char* name;
    const char* parameters;
    void (*run)(unsigned x, unsigned y, unsigned z, unsigned threads, void** arguments);
};
extern const Entry ENTRIES[];

namespace {

std::mutex mutex;
std::string record;
thread_local void* current = nullptr;
thread_local int capture_mode = 0;
char context, module;

int note(const std::string& line, const char* call) {
    std::lock_guard<std::mutex> lock(mutex);
    record += line + "\n";
    const char* fail = std::getenv("FAKE_DRIVER_FAIL");
    if (fail == nullptr) return 0;
    const char* equals = std::strchr(fail, '=');
    const bool this_one = equals != nullptr && std::string(fail, equals) == call;
    return this_one ? std::atoi(equals + 1) : 0;
}

// What is launched: the arguments as the driver would copy them.
std::string arguments(const Entry& entry, void** addresses) {
    std::string text;
    for (const char* kind = entry.parameters; *kind != 0; ++kind, ++addresses) {
        char word[40];
        std::uint64_t wide = 0;
        float real = 0;
        std::int32_t whole = 0;
        switch (*kind) {
            case 'P':
            case 'Q':
                std::memcpy(&wide, *addresses, 8);
                std::snprintf(word, sizeof word, " %llu", static_cast<unsigned long long>(wide));
                break;
            case 'f':
                std::memcpy(&real, *addresses, 4);
                std::snprintf(word, sizeof word, " %.9g", real);
                break;
            case 'i':
                std::memcpy(&whole, *addresses, 4);
                std::snprintf(word, sizeof word, " %d", whole);
                break;
            default:
                std::memcpy(&whole, *addresses, 4);
                std::snprintf(word, sizeof word, " %u", static_cast<unsigned>(whole));
        }
        text += word;
    }
    return text;
}

}  // namespace

extern "C" {

const char* fake_record() { return record.c_str(); }
void fake_forget() { record.clear(); }

int cuInit(unsigned) { return note("cuInit", "cuInit"); }

int cuDriverGetVersion(int* version) {
    const char* said = std::getenv("FAKE_DRIVER_VERSION");
    *version = said != nullptr ? std::atoi(said) : 13000;
    return 0;
}

int cuDeviceGetCount(int* count) {
    *count = 2;
    return note("cuDeviceGetCount", "cuDeviceGetCount");
}

int cuDeviceGet(int* device, int ordinal) {
    *device = ordinal;
    return 0;
}

int cuDeviceGetName(char* name, int length, int) {
    std::snprintf(name, static_cast<std::size_t>(length), "Fake GPU");
    return 0;
}

int cuDeviceTotalMem_v2(std::size_t* bytes, int) {
    *bytes = std::size_t{1} << 34;
    return 0;
}

// Compute capability 9.0 and 10.0, 4 multiprocessors.
int cuDeviceGetAttribute(int* value, int attribute, int device) {
    *value = attribute == 75 ? 9 + device : attribute == 16 ? 4 : 0;
    return 0;
}

int cuDevicePrimaryCtxRetain(void** made, int device) {
    *made = &context + device;
    return note("cuDevicePrimaryCtxRetain", "cuDevicePrimaryCtxRetain");
}

int cuCtxGetCurrent(void** found) {
    *found = current;
    return 0;
}

int cuCtxPushCurrent_v2(void* pushed) {
    current = pushed;
    return note("cuCtxPushCurrent", "cuCtxPushCurrent");
}

int cuCtxPopCurrent_v2(void** popped) {
    *popped = current;
    current = nullptr;
    return note("cuCtxPopCurrent", "cuCtxPopCurrent");
}

int cuThreadExchangeStreamCaptureMode(int* mode) {
    const int before = capture_mode;
    capture_mode = *mode;
    *mode = before;
    return note("cuThreadExchangeStreamCaptureMode " + std::to_string(capture_mode),
                "cuThreadExchangeStreamCaptureMode");
}

int cuModuleLoadData(void** loaded, const void* image) {
    if (std::memcmp(image, "\x7f" "ELF", 4) != 0) return 200;
    *loaded = &module;
    return note("cuModuleLoadData", "cuModuleLoadData");
}

int cuModuleGetFunction(void** function, void*, const char* name) {
    const Entry* entry = ENTRIES;
    while (entry->name != nullptr && std::strcmp(entry->name, name) != 0) ++entry;
    if (entry->name == nullptr) return 500;
    *function = const_cast<Entry*>(entry);
    return note(std::string("cuModuleGetFunction ") + name, "cuModuleGetFunction");
}

int cuLaunchKernel(void* function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                   unsigned shared, void* stream, void** addresses, void**) {
    const Entry& entry = *static_cast<const Entry*>(function);
    char sizes[160];
    std::snprintf(sizes, sizeof sizes, " grid %u %u %u block %u %u %u shared %u stream %llu context %s with", gx, gy,
                  gz, bx, by, bz, shared, static_cast<unsigned long long>(reinterpret_cast<std::uintptr_t>(stream)),
                  current == nullptr ? "none" : "primary");
    const int code = note(std::string("launch ") + entry.name + sizes + arguments(entry, addresses), "cuLaunchKernel");
    if (code == 0) entry.run(gx, gy, gz, bx, addresses);
    return code;
}

// NVRTC asks for the driver's private interfaces and does without them.
int cuGetExportTable(const void**, const void*) { return 500; }

#define FORBIDDEN(NAME) \
    int NAME() { return note("forbidden " #NAME, #NAME); }
FORBIDDEN(cuMemAlloc_v2)
FORBIDDEN(cuMemAllocAsync)
FORBIDDEN(cuMemFree_v2)
FORBIDDEN(cuMemcpyDtoH_v2)
FORBIDDEN(cuMemcpyHtoD_v2)
FORBIDDEN(cuCtxSynchronize)
FORBIDDEN(cuStreamSynchronize)
FORBIDDEN(cuEventSynchronize)
FORBIDDEN(cuStreamCreate)
FORBIDDEN(cuCtxSetCurrent)

}  // extern "C"

// NVRTC, too: the driver above runs no machine code, so that there is none to wait for. FAKE_NVRTC_LOG makes it refuse
// every program and say that.
extern "C" {

int nvrtcVersion(int* major, int* minor) {
    *major = 13;
    *minor = 9;
    return 0;
}

int nvrtcGetNumSupportedArchs(int* count) {
    *count = 2;
    return 0;
}

int nvrtcGetSupportedArchs(int* archs) {
    archs[0] = 90;
    archs[1] = 100;
    return 0;
}

int nvrtcCreateProgram(void** program, const char*, const char* name, int, const char* const*, const char* const*) {
    *program = &module;
    return note(std::string("nvrtcCreateProgram ") + name, "nvrtcCreateProgram");
}

int nvrtcCompileProgram(void*, int count, const char* const* options) {
    std::string line = "nvrtcCompileProgram";
    for (int i = 0; i < count; ++i) line += std::string(" ") + options[i];
    note(line, "");
    return std::getenv("FAKE_NVRTC_LOG") == nullptr ? 0 : 6;
}

int nvrtcDestroyProgram(void** program) {
    *program = nullptr;
    return 0;
}

int nvrtcGetProgramLogSize(void*, std::size_t* size) {
    const char* log = std::getenv("FAKE_NVRTC_LOG");
    *size = log == nullptr ? 1 : std::strlen(log) + 1;
    return 0;
}

int nvrtcGetProgramLog(void*, char* log) {
    const char* said = std::getenv("FAKE_NVRTC_LOG");
    std::strcpy(log, said == nullptr ? "" : said);
    return 0;
}

int nvrtcGetCUBINSize(void*, std::size_t* size) {
    *size = 8;
    return 0;
}

int nvrtcGetCUBIN(void*, char* cubin) {
    std::memcpy(cubin, "\x7f" "ELF\0\0\0\0", 8);
    return 0;
}

}  // extern "C"
