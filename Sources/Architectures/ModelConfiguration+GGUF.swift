import ModelGraph

extension ModelConfiguration {
    /// Reads the hyperparameters from GGUF metadata (`general.architecture` and `<architecture>.…`).
    ///
    /// - Parameters:
    ///   - vocabularySize: rows of the embedding, for files without the key.
    ///   - tiesEmbeddings: whether the file has no output tensor of its own.
    /// - Returns: nil when the architecture is not a known family.
    /// - Throws: `ConfigurationError` naming a key that is missing or has an impossible value.
    public init?(metadata: Metadata, vocabularySize fallback: Int?, tiesEmbeddings: Bool) throws {
        guard let name = metadata["general.architecture"]?.string, let family = ArchitectureFamily.named(name), family.isMappedToGGUF else {
            return nil
        }
        design = family.design
        func required(_ key: String) throws -> Int {
            guard let value = metadata["\(name).\(key)"]?.integer else {
                throw ConfigurationError("metadata has no integer '\(name).\(key)'")
            }
            return value
        }
        architecture = name
        hiddenSize = try required("embedding_length")
        intermediateSize = try required("feed_forward_length")
        blockCount = try required("block_count")
        headCount = try required("attention.head_count")
        keyValueHeadCount = metadata["\(name).attention.head_count_kv"]?.integer ?? headCount
        contextLength = try required("context_length")
        headSize =
            metadata["\(name).attention.key_length"]?.integer
            ?? metadata["\(name).rope.dimension_count"]?.integer ?? (headCount > 0 ? hiddenSize / headCount : 0)
        normEpsilon = ModelConfiguration.shortest(metadata["\(name).attention.layer_norm_rms_epsilon"]) ?? 1e-5
        ropeTheta = ModelConfiguration.shortest(metadata["\(name).rope.freq_base"]) ?? 10000
        guard let size = metadata["\(name).vocab_size"]?.integer ?? metadata["tokenizer.ggml.tokens"]?.array?.count ?? fallback
        else { throw ConfigurationError("metadata has no '\(name).vocab_size'") }
        vocabularySize = size
        self.tiesEmbeddings = tiesEmbeddings
        if let scaling = metadata["\(name).rope.scaling.type"]?.string, scaling != "none" {
            unsupportedFeatures.append("rope.scaling.type '\(scaling)'")
        }
        if let experts = metadata["\(name).expert_count"]?.integer, experts > 0 { unsupportedFeatures.append("experts") }
        try checkInvariants()
    }

    /// A float32 as the decimal number that it was written from: 1e-5, not 9.999999747e-06.
    private static func shortest(_ value: MetadataValue?) -> Double? {
        if case .float32(let float)? = value { return Double("\(float)") }
        return value?.number
    }

    /// The hyperparameters as llama.cpp's converter writes them, without `general.architecture` and the tokenizer.
    public var ggufMetadata: [(key: String, value: MetadataValue)] {
        let name = architecture
        return [
            ("\(name).block_count", .uint32(UInt32(clamping: blockCount))),
            ("\(name).context_length", .uint32(UInt32(clamping: contextLength))),
            ("\(name).embedding_length", .uint32(UInt32(clamping: hiddenSize))),
            ("\(name).feed_forward_length", .uint32(UInt32(clamping: intermediateSize))),
            ("\(name).attention.head_count", .uint32(UInt32(clamping: headCount))),
            ("\(name).attention.head_count_kv", .uint32(UInt32(clamping: keyValueHeadCount))),
            ("\(name).rope.freq_base", .float32(Float(ropeTheta))),
            ("\(name).attention.layer_norm_rms_epsilon", .float32(Float(normEpsilon))),
            ("\(name).attention.key_length", .uint32(UInt32(clamping: headSize))),
            ("\(name).attention.value_length", .uint32(UInt32(clamping: headSize))),
            ("\(name).vocab_size", .uint32(UInt32(clamping: vocabularySize))),
            ("\(name).rope.dimension_count", .uint32(UInt32(clamping: headSize))),
        ]
    }
}
