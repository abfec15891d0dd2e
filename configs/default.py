"""Defines every config field, with the paper's choice or a stand-in for it.

A config file imports this one and overrides; any field can be set on the
command line as well, such as `--config.model.conv2_filters=4`. "Unstated"
marks what the paper leaves open.
"""

import ml_collections


def get_config() -> ml_collections.ConfigDict:
  """Returns J-Conv-LSTM-Conv as the paper describes it."""
  config = ml_collections.ConfigDict()
  config.seed = 0  # Initialization and order; data.seed samples the patches.
  # Row of the paper's tables; configs/ablation.py sets it with all it means.
  config.system = 'j-conv-lstm-conv'
  # Or a classical method, such as 'ela', or 'fusion': nothing is trained, and
  # whole images are scored. See manloc_jax/localization/.
  config.method = 'network'
  # Run of manloc fusion; by default the weights of the package.
  config.fusion = ml_collections.config_dict.placeholder(str)
  config.batch_size = 64  # Patches over all devices. Unstated.
  config.num_steps = 20_000  # Updates. Unstated.

  config.model = _model()
  config.loss = _loss()
  config.optim = _optim()
  config.data = _data()

  config.train = train = ml_collections.ConfigDict()
  # What training starts from: the best parameters of the run in this folder, a
  # file of `manloc export`, or 'pretrained', the network of the package.
  train.init_from = ml_collections.config_dict.placeholder(str)
  train.symmetries = False  # Random flips and rotations by 90 degrees.
  # Or 'trackio': gets the metrics, too; see docs/training.md.
  train.tracker = ml_collections.config_dict.placeholder(str)
  train.log_every_steps = 50
  train.eval_every_steps = 500  # Scores the validation split, and saves.
  train.checkpoint_every_steps = 250  # Saves in between, for resuming.
  # Evaluations without a better pixel AUC until training stops; 0: never.
  train.patience_evals = 10  # Unstated.

  config.eval = evaluation = ml_collections.ConfigDict()
  # Scored after training; 'test_images' are whole images at native resolution,
  # as classical methods are scored.
  evaluation.splits = ('test', 'test_grid')
  evaluation.batch_size = 64  # Patches over all devices.
  evaluation.bins = 4096  # Of the score histograms; even.
  evaluation.examples = 6  # Test images in the contact sheet.
  # Pixels; of the Gaussian that smooths masks (section 4). Unstated.
  evaluation.smooth_sigma = 1.0
  return config


def _model() -> ml_collections.ConfigDict:
  model = ml_collections.ConfigDict()
  model.network = 'conv_lstm'  # Or 'fcn', the baseline of Table 2.
  # What the LSTM reads: the map of conv1 and conv2, or without them the patch,
  # as 'rgb' or, unstated, 'gray'. Not in the paper: 'dct', the coefficients of
  # JPEG's blocks, 'odds', how often their values occur in the whole image, a
  # resampling 'spectrum', and several of them, such as 'conv+dct'. 'dct' and
  # 'odds' need windows on JPEG's grid, see data.sampler.window_grid.
  model.lstm_input = 'conv'
  model.dct_levels = 20  # Sizes of a coefficient that are told apart.
  model.dct_features = 64  # Of a block's coefficients.
  # Or 'residual': fixed high-pass filters. Not in the paper.
  model.conv1_input = 'rgb'
  # Or 'bayar': kernels that predict a pixel. Not in the paper.
  model.conv1_constraint = 'none'
  model.conv1_filters = 16  # Section 3.1.1; Table 3 also has 8 and 32.
  # One map, "but it could be changed depending on the size of the dataset".
  model.conv2_filters = 1
  model.conv2_activation = True  # ReLU after conv2. Unstated.
  model.conv3_filters = 32  # Unstated.
  model.conv4_filters = 32  # Unstated.
  model.kernel = 5  # Pixels; of conv1, conv2 and conv3.
  model.conv45_kernel = 5  # Pixels; 1 reads "fully convolution" literally.
  model.conv3_pool = 'auto'  # 'max', 'none'; auto drops it in LSTM-64h.
  model.grid = 8  # Blocks per side: 64 blocks of 8x8 pixels.
  model.block_order = 'row'  # 'row' (raster), 'column' or 'hilbert'.
  model.lstm_hidden = (256, 256, 256)  # The first two are unstated.
  model.lstm_dropout = 0.0  # Between the LSTMs. Unstated.
  model.forget_bias = 1.0  # Unstated; what TensorFlow adds by default.
  # 'last', 'mean' or 'concat' outputs (unstated); 'none' labels no patches.
  model.head = 'last'
  # 'conv345', 'conv34' without conv5, 'none' without a mask (Tables 1 and 2).
  model.decoder = 'conv345'
  model.input_norm = 'symmetric'  # [-1, 1], or 'unit' for [0, 1]. Unstated.
  model.conv_init = 'glorot'  # Or 'residual': models/initializers.py. Unstated.
  model.fcn_filters = (16, 32, 64)  # Of the 'fcn' network. Unstated.
  model.fcn_hidden = 64  # Of its first 1x1 layer. Unstated.
  model.dtype = 'float32'  # Of the products; 'bfloat16' for accelerators.
  return model


def _loss() -> ml_collections.ConfigDict:
  loss = ml_collections.ConfigDict()
  loss.patch_weight = 1.0  # Eq. 5 adds both terms as they are.
  loss.mask_weight = 1.0
  loss.dice_weight = 0.0  # Of a Dice loss beside Eq. 4. Not in the paper.
  loss.patch_class_weights = (1.0, 1.0)  # Pristine, manipulated. Unstated.
  loss.pixel_class_weights = (1.0, 1.0)  # Pristine, manipulated. Unstated.
  return loss


def _optim() -> ml_collections.ConfigDict:
  optim = ml_collections.ConfigDict()  # Adam; its hyperparameters are unstated.
  optim.learning_rate = 1e-4
  optim.warmup_steps = 0
  optim.final_fraction = 1.0  # Of the learning rate, reached by a cosine.
  optim.clip_norm = 0.0  # Largest global norm of a gradient; 0: no clipping.
  optim.weight_decay = 0.0
  return optim


def _data() -> ml_collections.ConfigDict:
  data = ml_collections.ConfigDict()
  data.name = ml_collections.config_dict.placeholder(str)  # 'casia1', ...
  # Folder of the dataset as it was published.
  data.root = ml_collections.config_dict.placeholder(str)
  data.allow_outside = False  # May its table name files elsewhere?
  data.prepared = 'data'  # Folder for prepared sets, one folder each.
  data.seed = 0  # Of the split and of the patches.
  # By image as in section 4; or 'group', 'given', 'list'.
  data.split_rule = 'random'
  # File of the rule 'list', as `manloc split` writes it.
  data.split_list = ml_collections.config_dict.placeholder(str)
  data.fractions = (0.65, 0.10, 0.25)  # Train, validation, test (section 4).
  data.use_pristine = False  # Patches of images without a mask. Unstated.
  data.size_mismatch = 'skip'  # Of image and mask; or 'resize', 'error'.
  # 'tfrecord'; 'memory', arrays that training keeps in device memory, without
  # TensorFlow; or 'online', forgeries generated while training, with the fields
  # data.forge and data.online of configs/synthetic.py.
  data.backend = 'tfrecord'
  # Folder to forge for 'synthetic' and 'dial'; none for the packaged
  # photographs.
  data.photographs = ml_collections.config_dict.placeholder(str)
  data.num_shards = 4  # Files of each split; of 'tfrecord' only.

  # Section 4 describes the sampler in words only: its numbers are unstated.
  data.sampler = sampler = ml_collections.ConfigDict()
  # Native windows, boxes around contours of the mask, and these boxes shifted.
  sampler.sources = ('window', 'box', 'slide')
  sampler.stride = 32  # Pixels between windows for training.
  sampler.test_stride = 64  # Pixels between windows for validation and test.
  # Pixels; 8 puts native windows on the grid of JPEG's blocks. Unstated.
  sampler.window_grid = 1
  sampler.box_per = 'component'  # Of the mask, or 'union' of all.
  sampler.min_area = 64.0  # Pixels in the outline of a region with a box.
  sampler.enlarge = 2.0  # Side of a box over side of its region.
  sampler.slides = (0.25, 0.5)  # Fractions of the box's side, in 4 directions.
  sampler.label_rule = 'area'  # Or 'iou', 'coverage'.
  sampler.label_threshold = 0.125  # A patch above it is manipulated.
  sampler.neg_per_pos = 1.0  # Pristine patches per manipulated one; 0: all.
  sampler.max_per_image = 256  # Patches; 0: all.
  return data
