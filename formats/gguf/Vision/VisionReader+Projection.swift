import FormatKit
import ModelGraph
import StrictJSON

/// What is between the tower and the language model: checks of what llama.cpp takes for granted, and keys of the rest.
extension VisionReader {
    func projection() throws -> Entries {
        if let strategy = traits.strategy {
            try check("vision_feature_select_strategy", in: json, is: .string(strategy), usual: "default")
        }
        if traits.turns { try checkTurning() }
        switch kind {
        case .llava, .llavaSigLIP, .llavaPixtral:
            try checkProjector()
            if kind == .llavaPixtral { return try headSize() }
            return try featureLayer()
        case .llavaNext:
            try checkProjector()
            return try featureLayer() + [
                ("clip.vision.mm_patch_merge_type", .string("spatial_unpad")), ("clip.vision.image_grid_pinpoints", try pinpoints()),
            ]
        case .mistral3:
            try checkProjector()
            // llama.cpp has one ε for the tower's norms and the projector's, whose is the language model's.
            let epsilon = json["text_config"]?["rms_norm_eps"].map(\.number) ?? 1e-6
            guard epsilon == traits.epsilon.usual else { throw unsupported("an rms_norm_eps in text_config other than 1e-5") }
            return try headSize() + [
                ("clip.vision.spatial_merge_size", try count(json["spatial_merge_size"].map(\.integer) ?? 2, "spatial_merge_size"))
            ]
        case .gemma3: return try means()
        case .qwen2, .qwen25, .qwen3:
            try check("spatial_merge_size", in: vision, is: .integer(2))
            try check("temporal_patch_size", in: vision, is: .integer(2))
            if kind == .qwen3 { return [("clip.vision.spatial_merge_size", .uint32(2))] }
            return kind == .qwen25 ? try windows() : []
        case .internvl: return try tiles()
        case .smolvlm, .idefics3:
            let longest = try processor.longestEdge()
            if let tile = processor.json["max_image_size"]?["longest_edge"], tile.integer != (try size("image_size")) {
                throw unsupported("an image_size that is not the longest_edge of max_image_size in \(processor.name)")
            }
            return [
                ("clip.vision.projector.scale_factor", try count(json["scale_factor"].map(\.integer) ?? 2, "scale_factor")),
                ("clip.vision.preproc_image_size", try count(longest)),
            ]
        case .llama4:
            try check("norm_eps", in: vision, is: .number(1e-5))
            return [("clip.vision.projector.scale_factor", try count(factor(of: vision["pixel_shuffle_ratio"])))]
        }
    }

    private func count(_ value: Int?, _ key: String) throws -> MetadataValue {
        guard let value else { throw unsupported("a '\(key)' that is no integer") }
        return try count(value)
    }

    /// Without it llama.cpp leaves the last of LLaVA's blocks out.
    private func featureLayer() throws -> Entries {
        [("clip.vision.feature_layer", .array(.int32, [.int32(Int32(clamping: try blockCount()))]))]
    }

    private func checkProjector() throws {
        let name = json["projector_hidden_act"]?.string ?? "gelu"
        guard name == "gelu" else { throw unsupported("the activation '\(name.prefix(40))' in the projector") }
    }

    private func checkTurning() throws {
        let rotary = vision["rope_parameters"]
        let theta = rotary?["rope_theta"]?.number ?? vision["rope_theta"]?.number ?? 10000
        guard theta == 10000 else { throw unsupported("a rope_theta other than 10000 in vision_config") }
        let type = rotary?["rope_type"]?.string ?? "default"
        guard type == "default" || type == "axial" else { throw unsupported("the rope_type '\(type.prefix(40))' in vision_config") }
        let (width, heads) = (try size(traits.width), try size(traits.heads))
        guard heads > 0, width % heads == 0, width / heads % 4 == 0 else {
            throw unsupported("\(heads) heads of \(width), whose parts for rows and columns are no pairs")
        }
    }

    private func headSize() throws -> Entries {
        let (width, heads) = (try size(traits.width), try size(traits.heads))
        if let size = vision["head_dim"] {
            guard let size = size.integer, heads > 0, size == width / heads else {
                throw unsupported("a head_dim that is not hidden_size over heads")
            }
        }
        return []
    }

    /// 1 / ratio, where that is whole.
    private func factor(of ratio: JSONValue?) throws -> Int {
        guard let ratio = ratio.map(\.number) ?? 0.5, ratio > 0, ratio <= 1, (1 / ratio).rounded() == 1 / ratio, ratio >= 1.0 / 64 else {
            throw unsupported("a ratio of patches to tokens whose inverse is not whole")
        }
        return Int(1 / ratio)
    }

    /// Sides of grids of tiles, widths before heights; in config.json it is the other way round.
    private func pinpoints() throws -> MetadataValue {
        let usual: [JSONValue] = [(336, 672), (672, 336), (672, 672), (1008, 336), (336, 1008)].map { [.integer($0.0), .integer($0.1)] }
        let size = try size("image_size")
        let grids = json["image_grid_pinpoints"]?.array ?? usual
        guard !grids.isEmpty, grids.count <= 1 << 10 else { throw unsupported("no image_grid_pinpoints") }
        let sides = try grids.flatMap { grid -> [MetadataValue] in
            guard let sides = grid.array?.map(\.int32), sides.count == 2, let height = sides[0], let width = sides[1], height > 0,
                width > 0,
                size > 0, Int(height) % size == 0, Int(width) % size == 0
            else { throw unsupported("image_grid_pinpoints that are not whole tiles of \(size)") }
            return [.int32(width), .int32(height)]
        }
        return .array(.int32, sides)
    }

    /// InternVL's tower as llama.cpp tells it by its sizes, and numbers of tiles where the processor says them.
    private func tiles() throws -> Entries {
        try checkProjector()
        try check("norm_type", in: vision, is: "layer_norm")
        try check("use_qk_norm", in: vision, is: false)
        try check("use_mean_pooling", in: vision, is: true)
        if try size(traits.width) == 3200, try blockCount() == 45 {
            throw unsupported("45 blocks of 3200, whose norms llama.cpp takes for RMS norms")
        }
        var entries: Entries = [("clip.vision.projector.scale_factor", try count(factor(of: json["downsample_ratio"])))]
        for (key, name) in [("min_patches", "preproc_min_tiles"), ("max_patches", "preproc_max_tiles")] {
            if let value = processor.json[key] { entries.append(("clip.vision.\(name)", try count(value.integer, key))) }
        }
        return entries
    }

    /// Patches to a side of the square that a mean is taken of, where it is not what llama.cpp takes.
    private func means() throws -> Entries {
        let (size, patch) = (try size("image_size"), try size("patch_size"))
        let tokens = json["mm_tokens_per_image"]?.integer ?? 256
        let side = (1...4096).first { $0 * $0 == tokens }
        guard let side, patch > 0, size > 0, size % patch == 0, (size / patch) % side == 0 else {
            throw unsupported("mm_tokens_per_image \(tokens) of a picture of \(size) and patches of \(patch)")
        }
        let scale = size / patch / side
        return scale == 4 ? [] : [("clip.vision.projector.scale_factor", try count(scale))]
    }

    /// Every so many blocks one that sees the whole picture.
    private func windows() throws -> Entries {
        let window = vision["window_size"].map(\.integer) ?? 112
        guard window == 112 else { throw unsupported("window_size other than 112") }
        let usual: [JSONValue] = [.integer(7), .integer(15), .integer(23), .integer(31)]
        let whole = (vision["fullatt_block_indexes"]?.array ?? usual).map { $0.integer ?? -1 }
        let depth = try size("depth")
        guard let first = whole.first, first >= 0, first < Int.max, depth <= 1 << 10,
            whole == (0..<max(depth, 0)).filter({ ($0 + 1) % (first + 1) == 0 })
        else { throw unsupported("fullatt_block_indexes that are not every so many blocks") }
        return [("clip.vision.n_wa_pattern", try count(first + 1))]
    }

    /// Blocks whose outputs go to the language model's first blocks as well, one to each (Qwen3-VL); empty for other classes.
    func levels() throws -> [Int] {
        guard kind == .qwen3 else { return [] }
        guard let levels = vision["deepstack_visual_indexes"]?.array?.map({ $0.integer ?? -1 }) else {
            throw FormatError.unsupported(path, "config.json", "has no list 'deepstack_visual_indexes' in vision_config")
        }
        let count = try blockCount()
        guard levels.allSatisfy({ $0 >= 0 && $0 < count }), Set(levels).count == levels.count else {
            throw unsupported("deepstack_visual_indexes that are not some of its \(count) blocks")
        }
        return levels
    }
}
