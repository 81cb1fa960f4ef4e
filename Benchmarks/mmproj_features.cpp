// What llama.cpp's libmtmd makes of a picture that is normalised already, by an mmproj file.
//
//     mmproj_features MMPROJ.gguf PICTURE HEIGHT WIDTH OUT      float32 files: [3, height, width] in, [tokens, hidden] out

#include "clip-impl.h"
#include "clip.h"

#include <cstdio>
#include <cstdlib>
#include <vector>

static int failure(const char * what) {
    fprintf(stderr, "mmproj_features: %s\n", what);
    return 1;
}

int main(int count, char ** arguments) {
    if (count != 6) return failure("takes five arguments");
    const int height = atoi(arguments[3]), width = atoi(arguments[4]), area = height * width;
    if (height <= 0 || width <= 0) return failure("the picture has no size");
    std::vector<float> planes(3 * area), pixels(3 * area), found;
    FILE * file = fopen(arguments[2], "rb");
    if (!file || fread(planes.data(), sizeof(float), planes.size(), file) != planes.size()) return failure("the picture is too short");
    fclose(file);
    for (int plane = 0; plane < 3; plane++) {
        for (int place = 0; place < area; place++) pixels[3 * place + plane] = planes[plane * area + place];
    }

    ggml_backend_load_all();
    clip_context_params parameters{};
    parameters.flash_attn_type = CLIP_FLASH_ATTN_TYPE_DISABLED;
    parameters.image_min_tokens = parameters.image_max_tokens = -1;
    clip_ctx * context = clip_init(arguments[1], parameters).ctx_v;
    if (!context) return failure("the mmproj file is not loaded");
    clip_image_f32 image;
    image.set_size({width, height}, false, false);
    image.cpy_buf(pixels);
    found.resize((size_t) clip_n_output_tokens(context, &image) * clip_n_mmproj_embd(context));
    if (!clip_image_encode(context, 1, &image, found)) return failure("the picture is not encoded");

    file = fopen(arguments[5], "wb");
    if (!file || fwrite(found.data(), sizeof(float), found.size(), file) != found.size() || fclose(file)) return failure("nothing is written");
    return 0;
}
