import Architectures
import ModelGraph

/// What files say of latent attention, of chunks and of what is done to queries.
extension ModelConfiguration {
    /// - Throws: `ConfigurationError` naming a key that is missing.
    mutating func readLatent(_ value: (String) -> MetadataValue?, _ family: ArchitectureFamily) throws {
        guard family.keys.isLatent else { return }
        guard let rank = value("attention.kv_lora_rank")?.integer,
            let size = (value("attention.value_length_mla") ?? value("attention.value_length"))?.integer,
            let keySize = (value("attention.key_length_mla") ?? value("attention.key_length"))?.integer
        else { throw ConfigurationError("metadata does not say the sizes of latent attention") }
        let queryRank = value("attention.q_lora_rank")?.integer ?? 0
        latent = LatentAttention(queryRank: queryRank == 0 ? nil : queryRank, keyValueRank: rank, valueSize: size)
        (headSize, keyValueHeadCount) = (keySize, headCount)
        if let multiplier = ModelConfiguration.shortest(value("rope.scaling.yarn_log_multiplier")), multiplier != 0,
            case .yarn(var yarn) = ropeScaling
        {
            // llama.cpp takes both for the same.
            let scale = (multiplier * 1e7).rounded() / 1e6
            (yarn.scale, yarn.scaleOfAll) = (scale, scale)
            ropeScaling = .yarn(yarn)
        }
        finishLatent(turned: rotarySize)
    }

    mutating func readQueryScales(_ family: ArchitectureFamily) {
        if family.keys.clampsGate { design.gateClamp = ModelConfiguration.gateClampInGGUF }
        guard family.keys.normalisesTurned else { return }
        design.normalisesTurned = experts?.count != ModelConfiguration.expertsWithoutNorms
        temperature = ModelConfiguration.temperatureInGGUF
    }

    /// What llama.cpp has whatever the file says.
    private static let gateClampInGGUF = BlockDesign.GateClamp(alpha: 1.702, limit: 7)
    private static let temperatureInGGUF = QueryTemperature(scale: 0.1, floor: 8192)
    private static let chunkInGGUF = 8192
    private static let blocksWithoutLatentQueries = [26, 27]
    /// Of the one Llama 4 that does not normalise queries and keys.
    private static let expertsWithoutNorms = 128

    /// What queries are multiplied by beyond the original context, and what yarn multiplies scores by in files of such models.
    mutating func readTemperature(_ value: (String) -> MetadataValue?, _ family: ArchitectureFamily) {
        guard family.keys.rotary.usualTemperature != nil, case .yarn(var yarn) = ropeScaling else { return }
        if let multiplier = ModelConfiguration.shortest(value("rope.scaling.yarn_log_multiplier")), multiplier != 0 {
            (yarn.scale, yarn.scaleOfAll) = (1, multiplier)
            ropeScaling = .yarn(yarn)
        }
        if let scale = ModelConfiguration.shortest(value("attention.temperature_scale")), scale != 0 {
            temperature = QueryTemperature(scale: scale, originalContext: yarn.originalContext)
        }
    }

    var ggufTemperature: [(key: String, value: MetadataValue)] {
        guard family?.keys.rotary.usualTemperature != nil, case .yarn(let yarn) = ropeScaling else { return [] }
        var entries: [(key: String, value: MetadataValue)] = []
        // llama.cpp has 1 for mscale; of equal scales it is all the same which they are.
        if let scale = yarn.scaleOfAll, scale != 0, scale == yarn.scale {
            entries.append(("rope.scaling.yarn_log_multiplier", .float32(1)))
        }
        if let temperature { entries.append(("attention.temperature_scale", .float32(Float(temperature.scale)))) }
        return entries
    }

    var ggufLatent: [(key: String, value: MetadataValue)] {
        guard let latent else { return [] }
        func count(_ value: Int) -> MetadataValue { .uint32(UInt32(clamping: value)) }
        var entries = [
            ("attention.head_count_kv", count(1)), ("attention.kv_lora_rank", count(latent.keyValueRank)),
            ("attention.key_length", count(latent.keyValueRank + rotarySize)), ("attention.value_length", count(latent.keyValueRank)),
            ("attention.key_length_mla", count(headSize)), ("attention.value_length_mla", count(latent.valueSize)),
        ]
        if let rank = latent.queryRank { entries.append(("attention.q_lora_rank", count(rank))) }
        if case .yarn(let yarn) = ropeScaling, let scale = yarn.scaleOfAll, scale != 0 {
            entries.append(("rope.scaling.yarn_log_multiplier", .float32(Float(0.1 * scale))))
        }
        return entries
    }

    /// What llama.cpp would compute otherwise.
    var differencesOfAttentionInGGUF: [String] {
        var reasons: [String] = []
        if let clamp = design.gateClamp, clamp != ModelConfiguration.gateClampInGGUF {
            reasons.append("llama.cpp has 1.702 and 7 for swiglu_alpha and swiglu_limit, whatever config.json says")
        }
        if case .yarn(var yarn) = ropeScaling {
            let divisors = ropeScaling.divisors(rotaryFrequencies, theta: ropeTheta)
            yarn.truncates = true
            if divisors != RopeScaling.yarn(yarn).divisors(rotaryFrequencies, theta: ropeTheta) {
                reasons.append("llama.cpp begins and ends the blending of yarn at whole pairs, whatever truncate says")
            }
            if latent != nil, (yarn.scaleOfAll ?? 0) == 0 || yarn.magnitude != 1 {
                reasons.append("llama.cpp multiplies scores by something else where mscale is not mscale_all_dim")
            }
        }
        if let latent, (latent.queryRank == nil) != ModelConfiguration.blocksWithoutLatentQueries.contains(blockCount) {
            reasons.append(
                "llama.cpp will not load the file: models of 26 and 27 blocks have no q_lora_rank there, and all others have one")
        }
        if let family, design.turnsNeighbours != family.design.turnsNeighbours {
            reasons.append("llama.cpp turns \(family.design.turnsNeighbours ? "neighbours" : "halves"), whatever rope_interleave says")
        }
        if latent != nil, normEpsilon != LatentAttention.normEpsilon {
            reasons.append("llama.cpp has rms_norm_eps in the norms of latent attention too")
        }
        if design.normalisesTurned, experts?.count == ModelConfiguration.expertsWithoutNorms {
            reasons.append("llama.cpp does not normalise queries and keys of a model with 128 experts")
        } else if family?.keys.normalisesTurned == true, !design.normalisesTurned, experts?.count != ModelConfiguration.expertsWithoutNorms
        {
            reasons.append("llama.cpp normalises queries and keys whatever use_qk_norm says")
        }
        if let depth = family?.headNormDepthInGGUF, (design.headNorm == .perHead) != (blockCount >= depth) {
            reasons.append(
                "llama.cpp will not load the file: models of \(depth) blocks and more have norms of heads there, and all others have none")
        }
        if let window, window.isChunked, window.size != ModelConfiguration.chunkInGGUF,
            min(window.size, ModelConfiguration.chunkInGGUF) < contextLength
        {
            reasons.append("llama.cpp has chunks of 8192 positions, whatever attention_chunk_size says")
        }
        if family?.keys.normalisesTurned == true, temperature != ModelConfiguration.temperatureInGGUF,
            temperature.map({ Int($0.floor) <= contextLength }) ?? (contextLength >= ModelConfiguration.chunkInGGUF)
        {
            reasons.append("llama.cpp multiplies queries by 0.1 and 8192 for attn_scale and floor_scale, whatever config.json says")
        }
        return reasons
    }
}
