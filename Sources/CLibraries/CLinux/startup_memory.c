/* Gives back what only starting needed: freed heap, and the pages of code and constants that were read
 * while the process was loaded, linked and configured and that serving will not read again.
 *
 * Of a loaded image only segments that the file maps without write permission are let go. Nothing was ever
 * written to them (images with text relocations are left alone), so what is touched again comes back
 * from the page cache with a minor fault. The segments that relocation wrote to stay. */
#define _GNU_SOURCE 1
#include <fcntl.h>
#include <link.h>
#include <malloc.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "CLinux.h"

static int has_text_relocations(const struct dl_phdr_info *image) {
    for (int i = 0; i < image->dlpi_phnum; i++) {
        if (image->dlpi_phdr[i].p_type != PT_DYNAMIC) continue;
        const ElfW(Dyn) *entry = (const void *)(image->dlpi_addr + image->dlpi_phdr[i].p_vaddr);
        for (; entry->d_tag != DT_NULL; entry++)
            if (entry->d_tag == DT_TEXTREL || (entry->d_tag == DT_FLAGS && entry->d_un.d_val & DF_TEXTREL)) return 1;
    }
    return 0;
}

static int let_go(struct dl_phdr_info *image, size_t size, void *context) {
    (void)size;
    (void)context;
    /* The program has no name, a library has a path; what the kernel lends (the vDSO) has neither. */
    if (image->dlpi_name[0] != '\0' && image->dlpi_name[0] != '/') return 0;
    if (has_text_relocations(image)) return 0;
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    for (int i = 0; i < image->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &image->dlpi_phdr[i];
        if (segment->p_type != PT_LOAD || segment->p_flags & PF_W) continue;
        /* Whole pages of this segment only; a failure costs nothing but memory. */
        uintptr_t start = (image->dlpi_addr + segment->p_vaddr + page - 1) & ~(page - 1);
        uintptr_t end = (image->dlpi_addr + segment->p_vaddr + segment->p_filesz) & ~(page - 1);
        if (start < end) madvise((void *)start, end - start, MADV_DONTNEED);
    }
    return 0;
}

/* A debugger's breakpoints are written into code, and would be let go with it. */
static int is_traced(void) {
    char text[2048];
    int status = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    if (status < 0) return 0;
    ssize_t length = read(status, text, sizeof text - 1);
    close(status);
    if (length <= 0) return 0;
    text[length] = '\0';
    const char *tracer = strstr(text, "TracerPid:\t");
    return tracer && tracer[sizeof "TracerPid:\t" - 1] != '0';
}

void gwl_give_back_startup_memory(void) {
    malloc_trim(0);
    if (!is_traced()) dl_iterate_phdr(let_go, NULL);
}
