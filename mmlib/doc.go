// Package mmlib is the map of the library; it holds no code. The library follows one textbook chapter on multimodal models,
// 多模态大模型：技术原理与实战部署流程, and its packages are named in the chapter's words.
//
// # Finding your way
//
// Packages import each other in one direction, which a test in internal/imports enforces:
//
//	data → nn (+ kernels/xla/lean), loss → task, run → models → train, infer → eval → report → experiment, notebook → cmd/gomm
//
// To learn how a model works, read models/clip from its top, then nn and loss as their names come up. To train and measure
// a model, see experiment: one call makes a run, one trains it, one measures it. To use a trained one, start at models.Open
// and infer. To add a model, write a package beside models/clip that implements task.Task and task.Predictor, and give it a
// row in the table of models: nothing after that changes.
//
// Where examples come from; plain Go, never a graph:
//
//	data               what a source of examples is: named splits, and how a model wants to read them
//	data/mnist         MNIST and Fashion-MNIST: found or fetched, checked, decoded, augmented; captions in English and Chinese
//	data/captions      texts for pictures: made from the names of classes, or one or several captions for each picture
//	data/questions     questions about pictures, right answers by kind, and the answers of one who does not see the picture
//	data/scenes        scenes of colored digits with captions, questions and dialogues, and films of moving ones; English and Chinese
//	data/book          a text file as a source: Newton's Opticks, which comes with Go, or the user's own
//	data/picture       image and film files to numbers: decode, resize, crop, normalise
//	data/text          texts to numbers: the tokenizers, of words and by byte-pair encoding
//
// Trained weights in the files that other libraries read and write; plain Go as well:
//
//	weights            safetensors: opened, checked, read and written; one file or several shards; how other libraries lay weights out
//
// The parts of which models are made; graph code only:
//
//	nn                 the dense layer, SwiGLU, layer normalisation, activations; LoRA
//	nn/attention       chapter 4.2: scores, weights, self- and cross-modal attention, many heads, masks, RoPE, the cache
//	nn/transformer     blocks of attention and a multilayer perceptron, serial and parallel: stacks of them, encoders and decoders,
//	                   step by step
//	nn/codebook        vectors to discrete codes and back: vector quantisation, Gumbel's relaxation; the autoencoder of pictures
//	nn/vision          pictures to sequences of patches; the vision transformer
//	nn/regions         what is in each region of a picture, attention that is taught where to look, and a counter
//	loss               chapter 4.1: the contrastive losses, InfoNCE and its bound; the task losses; pure functions
//
// What a trainer and a predictor need to know of a model:
//
//	task               Task, Batch, Predictor: the interfaces between models and everything after them
//	run                the run folder, one model each: settings, what it needs to be used, checkpoints, metrics
//
// The models, a package for each paper, and the table that joins them to data:
//
//	models             a row for each kind of model: presets, how it is trained, opened and measured; the sources of examples
//	models/fusion      pictures and language together (ALBEF, BLIP): MLM, contrast, matching; questions, captions, dialogues
//	models/vqvae       VQ-VAE and dVAE (van den Oord et al., 2017; Ramesh et al., 2021): pictures as discrete codes, and back
//	models/dalle       DALL-E (Ramesh et al., 2021): a caption and a picture's codes as one stream; it draws
//	models/parti       Parti (Yu et al., 2022): from a caption, read by an encoder, to a picture's codes; guidance
//	models/convnet     a small convolutional network, the judge of what is drawn
//	models/clip        CLIP (Radford et al., 2021): pictures and texts in one space, zero-shot and fine-tuned
//	models/palm        PaLM (Chowdhery et al., 2022): a language model; completes texts. PaLM-E (Driess et al., 2023): it reads pictures
//	                   in front of the text, and answers, describes and talks as models/fusion does
//	models/simclr      SimCLR (Chen et al., 2020): pictures alone, two views of each, and no label
//
// One trainer, one inference session and one evaluation for all models; they know the interfaces of task alone:
//
//	train              the Trainer: data-parallel steps, learning rate, checkpoints, resuming after an interruption, early stopping;
//	                   fine-tuning: frozen weights, a rate for each layer, what of a checkpoint fits a model
//	infer              a trained model ready for many goroutines: fixed shapes, compiled once; text token by token, greedily, by
//	                   beams or drawn at random
//	eval               zero-shot, nearest neighbours, confusion matrix, the most confident mistakes
//	report             curves, heat maps and galleries in one HTML file
//	experiment         all of it in a row, as the gomm command and the lessons do: create a run, train it, measure it, use it
//	notebook           the same in a cell of a Jupyter notebook; values carried from cell to cell
//	notebook/trial     a model of a few functions, trained in a cell
//
// XLA is not known here. A program gets its backend from gomm/kernels/xla, which finds the PJRT plugin through
// kernels/xla/plugin, and hands it to train and infer. Where a matrix of scores or similarities would be large,
// nn/attention and loss use the kernels of kernels/xla/lean, which never make it; kernels/xla/program shows one attention
// step as XLA gets it.
//
// # Axis letters
//
// Shapes in comments and in einsum equations use one letter for each axis, everywhere the same:
//
//	B   batch                      批次       the chapter's N
//	L   sequence                   序列       the chapter's n; the queries' in cross-modal attention
//	S   the other sequence         另一序列   keys and values of the other modality
//	D   width of the model         宽度
//	H   heads of attention         头
//	G   heads of keys and values   键值头     fewer than H where heads share them
//	K   width of one head          头宽       the chapter's d_k; D = H·K
//	W   width of a value           值宽       K unless said otherwise
//	V   vocabulary                 词表
//	T   frames of a film           帧
//
// A loss calls its batch N, as the chapter's formulas do. Pictures are [B, height, width, channels], channels last. Where one
// of several captions, patches or classes is counted, the comment names the axis by a word.
//
// # Glossary
//
// The chapter's terms, the English ones of the field, and where they live. Terms of the chapter without a package belong to
// models that are not in the library.
//
//	模态             modality                          picture or text: the two towers of models/clip
//	多模态表示学习   multimodal representation learning  models/clip
//	统一的语义表示   shared (joint) embedding space      models/clip: the outputs of both towers, of length 1
//	嵌入             embedding                          a vector that stands for a picture or a text
//	跨模态           cross-modal                        from one modality to the other
//	对比学习         contrastive learning               loss, models/clip, models/simclr
//	正样本           positive (pair)                    a picture and its own caption
//	负样本           negative                           a picture and another one's caption, in the same batch
//	对比损失         contrastive loss (4.1.1)           loss.Contrastive; on two views of one picture models/simclr
//	InfoNCE损失      InfoNCE (4.1.2)                    loss.InfoNCE; in both directions of a batch loss.CLIP, loss.Pairs
//	评分函数 f       scoring function, logits           loss.Similarity · loss.LogitScale
//	相似度 sim       similarity                         loss.Similarity: the cosine for vectors of length 1
//	温度 τ           temperature                        loss.LogitScale learns 1/τ = exp(s)
//	互信息           mutual information                 what InfoNCE bounds from below: loss.MutualInformation
//	批次             batch                              task.Batch
//	注意力机制       attention (4.2)                    nn/attention
//	查询、键、值     query, key, value: Q, K, V         nn/attention
//	注意力分数       attention scores Q·Kᵀ/√d_k         attention.Scores
//	注意力权重       attention weights: their softmax   attention.Weights
//	缩放因子         scale √d_k                         attention.Scores
//	自注意力         self-attention (4.2.1)             attention.Self
//	跨模态注意力     cross-modal attention (4.2.2)      attention.CrossModal: queries of one modality, keys of the other
//	多头             many heads                         attention.Self
//	掩码             mask                               attention.Mask
//	序列             sequence                           patches of a picture, tokens of a text
//	词元             token                              data/text
//	词表             vocabulary                         data/text
//	图块             patch                              nn/vision
//	预训练           pre-training (3.1)                 models/clip Pretraining, `gomm pretrain`
//	图像文本对比     image-text contrastive learning    models/clip
//	图像分类         image classification               models/clip Classifier
//	视频             film, video                        models/clip EncodeFilm; data/scenes Films
//	遮蔽语言模型     masked language modelling, MLM     loss.MaskedTokens
//	自监督学习       self-supervised learning           pairs are their own labels: models/clip, models/simclr Pretraining
//	微调             fine-tuning (3.2)                  models/clip Finetuning, `gomm finetune`
//	线性探测         linear probe                       fine-tuning with a frozen tower
//	低秩适配         low-rank adaptation, LoRA          nn.LoRA: A·B beside a frozen matrix; the settings "lora" of a stack
//	早停             early stopping                     the setting training.patience
//	下游任务         downstream task                    classification with and without examples
//	零样本           zero-shot                          experiment.MeasureZeroShot, with prompts of data/captions
//	提示词           prompt                             a template with a class's name in it: data/captions
//	提示集成         prompt ensembling                  eval.Ensemble: the mean of a class's prompts
//	交叉熵损失       cross-entropy loss                 loss.CrossEntropy, loss.Classification
//	序列生成损失     sequence generation loss           loss.Sequence
//	语言模型         language model                     models/palm; measured in bits a character by experiment
//	采样             sampling: temperature, top-k, top-p  infer.Sampling
//	视觉问答         visual question answering, VQA
//	图像描述生成     image captioning
//	图文对话         image-text dialogue
//	学习率           learning rate                      train.LearningRate
//	检查点           checkpoint                         run
//	混淆矩阵         confusion matrix                   eval.Confusion
//	离散编码         discrete codes, codebook           nn/codebook, models/vqvae
//	图像生成         image generation                   models/dalle, models/parti; `gomm draw`
//	数据增强         augmentation                       the Augment of data/mnist
package mmlib
